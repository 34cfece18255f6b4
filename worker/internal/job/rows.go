package job

import (
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/worker/internal/bridge"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/function"
)

// oneAnswer is the one row of ml_private.worker.
type oneAnswer struct {
	columns []string
	text    string
	sent    bool
}

// Next implements [bridge.Rows].
func (a *oneAnswer) Next(w *bridge.RowWriter) (bool, error) {
	if a.sent {
		return false, nil
	}
	a.sent = true
	for _, c := range a.columns {
		if c == "answer" {
			w.Text(a.text)
		} else {
			w.Null()
		}
	}
	return true, nil
}

// Close implements [bridge.Rows].
func (a *oneAnswer) Close() {}

func (m *Manager) ship(s *bridge.Session, q bridge.Query) (bridge.Rows, error) {
	words, err := parseWords(q.Request, "ship", 4)
	if err != nil {
		return nil, err
	}
	j, err := m.own(s, words[1])
	if err != nil {
		return nil, err
	}
	input, err := parseIndex(words[2], len(j.inputs))
	if err != nil {
		return nil, err
	}
	if err := j.receive(input, words[3]); err != nil {
		return nil, err
	}
	return &oneAnswer{columns: q.Columns, text: "{}"}, nil
}

// endShipping hands the shipped rows to the job's goroutine.
func (j *Job) endShipping() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.step != StepShip {
		return fault.New(fault.State, "the call does not expect rows now")
	}
	j.step, j.builders = StepWait, nil
	close(j.shipped)
	return nil
}

// tableRows yields one result table.
type tableRows struct {
	manager *Manager
	job     *Job
	index   int
	table   function.Table
	values  []function.Values // by wanted column; nil for NULL
	row     int
}

// fetch opens one result table: "fetch JOB TABLE".
func (m *Manager) fetch(s *bridge.Session, q bridge.Query) (bridge.Rows, error) {
	words, err := parseWords(q.Request, "fetch", 3)
	if err != nil {
		return nil, err
	}
	j, err := m.own(s, words[1])
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	result := j.result
	j.mu.Unlock()
	if result == nil {
		return nil, fault.New(fault.State, "the call has no result yet")
	}
	index, err := parseIndex(words[2], len(result.Tables))
	if err != nil {
		return nil, err
	}
	rows := &tableRows{manager: m, job: j, index: index, table: result.Tables[index]}
	description, err := describe(rows.table)
	if err != nil {
		return nil, err
	}
	for _, wanted := range q.Columns {
		var values function.Values
		for i, d := range description.Columns {
			if d.Slot == wanted {
				values = rows.table.Columns[i].Values
			}
		}
		rows.values = append(rows.values, values)
	}
	return rows, nil
}

// Next implements [bridge.Rows].
func (r *tableRows) Next(w *bridge.RowWriter) (bool, error) {
	if r.row >= r.table.Rows {
		return false, nil
	}
	for _, values := range r.values {
		if values == nil {
			w.Null()
		} else {
			values.Write(w, r.row)
		}
	}
	r.row++
	return true, nil
}

// Close implements [bridge.Rows]. A job whose tables have all been fetched to
// the end is over, and its memory free.
func (r *tableRows) Close() {
	if r.row < r.table.Rows {
		return
	}
	r.job.mu.Lock()
	r.job.fetched[r.index] = true
	over := len(r.job.fetched) == len(r.job.result.Tables)
	r.job.mu.Unlock()
	if over {
		r.manager.forget(r.job)
	}
}

func (m *Manager) forget(j *Job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.jobs, j.id)
	j.cancel(nil)
}

// cancelOther stops a job of the same role in any session; false if there is
// none. The job's own caller gets 57014.
func (m *Manager) cancelOther(s *bridge.Session, id string) (answer, error) {
	m.mu.Lock()
	j := m.jobs[id]
	m.mu.Unlock()
	if j == nil || j.role != s.Role {
		return answer{}, nil
	}
	j.cancel(fault.New(fault.Cancelled, "the call was canceled by ml.cancel"))
	return answer{Cancelled: true}, nil
}

// listColumns are the texts of ml.jobs in their slots t1, t2, ….
var listColumns = []func(*Job) string{
	func(j *Job) string { return j.id },
	func(j *Job) string { return j.function.Name },
	func(j *Job) string { return j.state() },
	func(j *Job) string { return j.phase },
	func(j *Job) string { return strconv.FormatInt(j.rows, 10) },
	func(j *Job) string {
		if p := j.percent(); p >= 0 {
			return strconv.FormatFloat(p, 'f', 1, 64)
		}
		return ""
	},
	func(j *Job) string { return j.began.UTC().Format(time.RFC3339Nano) },
	func(j *Job) string { return strconv.FormatInt(j.budget.Used(), 10) },
}

func (j *Job) state() string {
	switch {
	case j.step == stepFailed:
		return "failed"
	case j.step == StepDone:
		return "returning"
	case j.phase == "queued":
		return "queued"
	}
	return "running"
}

type listRows struct {
	columns []string
	jobs    [][]string
}

// list shows a role its own jobs.
func (m *Manager) list(s *bridge.Session, columns []string) (bridge.Rows, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := &listRows{columns: columns}
	for _, j := range m.jobs {
		if j.role != s.Role {
			continue
		}
		cells := make([]string, len(listColumns))
		j.mu.Lock()
		for i, cell := range listColumns {
			cells[i] = cell(j)
		}
		j.mu.Unlock()
		rows.jobs = append(rows.jobs, cells)
	}
	return rows, nil
}

// Next implements [bridge.Rows].
func (r *listRows) Next(w *bridge.RowWriter) (bool, error) {
	if len(r.jobs) == 0 {
		return false, nil
	}
	for _, c := range r.columns {
		i, err := strconv.Atoi(strings.TrimPrefix(c, "t"))
		if err != nil || i < 1 || i > len(listColumns) || r.jobs[0][i-1] == "" {
			w.Null()
			continue
		}
		w.Text(r.jobs[0][i-1])
	}
	r.jobs = r.jobs[1:]
	return true, nil
}

// Close implements [bridge.Rows].
func (r *listRows) Close() {}
