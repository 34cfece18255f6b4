package logreg

import (
	"context"
	"fmt"
	"math"
)

const (
	// maxHalvings bounds the search along one step; 2^-60 of it changes nothing.
	maxHalvings = 60

	// sufficient is the share of the promised decrease that a step must bring.
	sufficient = 1e-4

	// lossRounding bounds the relative rounding of the objective: its terms are
	// positive, each is rounded a few times, and their sum is exact.
	lossRounding = 4e-15

	// suspicious is the step after which an unpenalised fit that is not yet known
	// to have a finite estimate is searched for separation. Fits with an estimate
	// are known long before; with separation each step adds about 1 to the
	// scores, so that no number is large yet.
	suspicious = 10

	// penaltyLimit keeps the penalty of a column of tiny values finite.
	penaltyLimit = 1e280
)

// solver minimises the objective in the coordinates of design.z.
type solver struct {
	*design
	config Config
	l1, l2 []float64 // per term, scaled as the columns are
	radius float64   // largest |z| of a row, intercept included
	exists bool      // a finite minimum is known to exist
}

// solution is what a solver found.
type solution struct {
	*state
	iterations int
	converged  bool
}

// move is the step that the quadratic model at a state asks for.
type move struct {
	target  []float64
	delta   []float64
	length  float64 // √(δ'Hδ), the convergence measure
	promise float64 // change of the objective to first order, ≤ 0
	solved  bool    // target is the model's minimum
}

func newSolver(m *design, c Config) *solver {
	s := &solver{design: m, config: c, exists: c.penalised()}
	s.l1, s.l2 = make([]float64, m.terms()), make([]float64, m.terms())
	for k, column := range m.scale {
		f := column.factor()
		if c.L1 > 0 {
			s.l1[k+m.offset()] = min(c.L1*f, penaltyLimit)
		}
		if c.L2 > 0 {
			s.l2[k+m.offset()] = min(c.L2*f*f, penaltyLimit)
		}
	}
	s.radius = m.radius()
	return s
}

// run iterates from start. Errors: [ErrSeparation], [ErrIllConditioned], that of
// ctx.
func (s *solver) run(ctx context.Context, start *state) (*solution, error) {
	at := &solution{state: start}
	for {
		step, ok := s.move(at.state)
		if !ok || at.iterations == suspicious {
			if err := s.search(ctx); err != nil {
				return nil, err
			}
		}
		if !ok {
			return nil, fmt.Errorf("logreg: %w: after %d steps", ErrIllConditioned, at.iterations)
		}
		if step.solved && step.length <= s.bound(at.state) {
			at.converged = true
			if err := s.polish(ctx, at, step); err != nil {
				return nil, err
			}
			break
		}
		if at.iterations >= s.config.MaxIterations {
			break
		}
		next, err := s.follow(ctx, at.state, step)
		if err != nil {
			return nil, err
		}
		if next == nil {
			break
		}
		at.state = next
		at.iterations++
	}
	return at, s.search(ctx)
}

// polish takes one more step if the gradient shrinks by it. Newton's step
// squares the error, so that nothing of it is left.
func (s *solver) polish(ctx context.Context, at *solution, step move) error {
	next, err := s.evaluate(ctx, step.target)
	if err != nil || next.overflow {
		return err
	}
	after, ok := s.move(next)
	if ok && after.solved && after.length < step.length {
		at.state = next
		at.iterations++
	}
	return nil
}

// move solves the quadratic model at a state; it reports false if the Hessian is
// singular.
func (s *solver) move(at *state) (move, bool) {
	q := len(at.beta)
	h := append([]float64(nil), at.hessian...)
	g := append([]float64(nil), at.gradient...)
	for i := range q {
		h[i*q+i] += s.l2[i]
		g[i] += s.l2[i] * at.beta[i]
	}
	step := move{target: make([]float64, q), delta: make([]float64, q), solved: true}
	if s.config.L1 > 0 {
		step.target, step.solved = proximal(model{q: q, h: h, g: g, beta: at.beta, l1: s.l1, still: 1e-6 * s.bound(at)})
		for i, v := range step.target {
			step.delta[i] = v - at.beta[i]
		}
	} else {
		f, ok := factor(h, q)
		if !ok {
			return move{}, false
		}
		for i, v := range f.solve(g) {
			step.delta[i] = -v
			step.target[i] = at.beta[i] - v
		}
	}
	step.length = math.Sqrt(max(0, quadratic(h, step.delta)))
	step.promise = dot(g, step.delta)
	for i, l := range s.l1 {
		step.promise += l * (math.Abs(step.target[i]) - math.Abs(at.beta[i]))
	}
	if !s.exists {
		s.exists = s.certified(at, step.length)
	}
	return step, true
}

// follow returns the state after the step, halved until the objective decreases
// enough, or nil if it does not for any share of the step.
func (s *solver) follow(ctx context.Context, at *state, step move) (*state, error) {
	before := s.objective(at)
	share := 1.0
	for range maxHalvings {
		beta := step.target
		if share < 1 {
			beta = make([]float64, len(at.beta))
			for i, v := range at.beta {
				beta[i] = v + share*step.delta[i]
			}
		}
		next, err := s.evaluate(ctx, beta)
		if err != nil {
			return nil, err
		}
		bound := before*(1+lossRounding) + sufficient*share*step.promise
		if !next.overflow && s.objective(next) <= bound {
			return next, nil
		}
		share /= 2
	}
	return nil, nil
}

// bound returns the length of a step that counts as converged.
func (s *solver) bound(at *state) float64 {
	return s.config.Tolerance * math.Sqrt(min(1, s.objective(at)))
}

// objective returns the loss with its penalties.
func (s *solver) objective(at *state) float64 {
	sum := at.loss
	for i, b := range at.beta {
		if b != 0 {
			sum += s.l1[i]*math.Abs(b) + s.l2[i]/2*b*b
		}
	}
	return sum
}

// start returns the coefficients of the intercept alone.
func (m *design) start(yes, no float64) []float64 {
	beta := make([]float64, m.terms())
	if m.intercept {
		beta[0] = math.Log(yes) - math.Log(no)
	}
	return beta
}
