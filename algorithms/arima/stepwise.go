package arima

import "context"

// maxCandidates bounds a stepwise search.
const maxCandidates = 200

// try evaluates the candidates that were not seen yet, in parallel, and moves
// the best index to the lowest value, the first one of equals.
func (s *selector) try(ctx context.Context, specs []Spec) error {
	var fresh []Spec
	for _, spec := range specs {
		if !s.seen[spec] && s.admissible(spec) {
			s.seen[spec] = true
			fresh = append(fresh, spec)
		}
	}
	values := make([]float64, len(fresh))
	errs := make([]error, len(fresh))
	inParallel(len(fresh), func(i int) {
		values[i], errs[i] = s.value(ctx, fresh[i])
	})
	for i, spec := range fresh {
		if cancelled(errs[i]) {
			return errs[i]
		}
		if errs[i] != nil && s.firstErr == nil {
			s.firstErr = errs[i]
		}
		s.tried = append(s.tried, Candidate{Spec: spec, Value: values[i]})
	}
	s.rank()
	return nil
}

// admissible says whether a candidate lies within the limits.
func (s *selector) admissible(c Spec) bool {
	return c.P >= 0 && c.P <= s.limits.P && c.Q >= 0 && c.Q <= s.limits.Q &&
		c.SP >= 0 && c.SP <= s.limits.SP && c.SQ >= 0 && c.SQ <= s.limits.SQ &&
		(s.constantAllowed || !c.Mean && !c.Drift)
}

// withOrders returns the candidate with the four orders.
func (s *selector) withOrders(p, q, sp, sq int) Spec {
	c := s.base
	c.P, c.Q, c.SP, c.SQ = p, q, sp, sq
	return c
}

// withConstant adds the mean or the drift, if allowed.
func (s *selector) withConstant(c Spec, use bool) Spec {
	c.Mean = use && s.constantAllowed && c.D+c.SD == 0
	c.Drift = use && s.constantAllowed && c.D+c.SD == 1
	return c
}

// step runs the stepwise search.
func (s *selector) step(ctx context.Context) error {
	if err := s.try(ctx, s.firstModels()); err != nil {
		return err
	}
	for at := -1; s.best >= 0 && s.best != at && len(s.tried) < maxCandidates; {
		at = s.best
		if err := s.try(ctx, s.neighbours(s.tried[at].Spec)); err != nil {
			return err
		}
	}
	return nil
}

// firstModels are the models to start from: (2,d,2)(1,D,1), (0,d,0)(0,D,0),
// (1,d,0)(1,D,0) and (0,d,1)(0,D,1), with the constant, and the second without.
func (s *selector) firstModels() []Spec {
	p, q := min(2, s.limits.P), min(2, s.limits.Q)
	sp, sq := min(1, s.limits.SP), min(1, s.limits.SQ)
	if len(s.data.Y) < 10 {
		p, q, sp, sq = min(1, p), min(1, q), 0, 0
	}
	out := []Spec{
		s.withConstant(s.withOrders(p, q, sp, sq), true),
		s.withConstant(s.base, true),
		s.withConstant(s.withOrders(min(1, p), 0, sp, 0), true),
		s.withConstant(s.withOrders(0, min(1, q), 0, sq), true),
	}
	return append(out, s.withConstant(s.base, false))
}

// moves are the changes of (p, q) or of (P, Q) that lead to neighbours.
var moves = [][2]int{{-1, 0}, {0, -1}, {1, 0}, {0, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}}

// neighbours returns the models one move away.
func (s *selector) neighbours(c Spec) []Spec {
	use := c.Mean || c.Drift
	var out []Spec
	for _, m := range moves {
		out = append(out, s.withConstant(s.withOrders(c.P, c.Q, c.SP+m[0], c.SQ+m[1]), use))
	}
	for _, m := range moves {
		out = append(out, s.withConstant(s.withOrders(c.P+m[0], c.Q+m[1], c.SP, c.SQ), use))
	}
	return append(out, s.withConstant(c, !use))
}

// all returns every model within the limits and their sum.
func (s *selector) all() []Spec {
	var out []Spec
	for p := range s.limits.P + 1 {
		for q := range s.limits.Q + 1 {
			for sp := range s.limits.SP + 1 {
				for sq := range s.limits.SQ + 1 {
					if p+q+sp+sq > s.limits.Sum {
						continue
					}
					c := s.withOrders(p, q, sp, sq)
					out = append(out, s.withConstant(c, false))
					if s.constantAllowed {
						out = append(out, s.withConstant(c, true))
					}
				}
			}
		}
	}
	return out
}
