package linreg

import (
	"context"
	"fmt"
	"math/big"

	"github.com/millrace/millrace/algorithms/suffstat"
	"github.com/millrace/millrace/exact"
)

// clustered sets VCov to the covariance that allows for dependence in clusters.
//
// The score of a cluster, Σ w·e·x over its rows, is mapped to z = L⁻¹·score, where
// nothing cancels any more, before it is squared:
//
//	V = scale · B'·(Σ z·z')·B,   B = D⁻¹·L⁻¹
func (r Regression) clustered(ctx context.Context, f *Fit, in diagnosis) error {
	s := in.solution
	members := byCluster(in.rows.Cluster)
	f.Clusters = len(members)
	if len(members) < 2 {
		return fmt.Errorf("linreg: %w: %d, at least 2 needed", ErrClusters, len(members))
	}
	if s.rss.Sign() == 0 || f.DFResidual == 0 {
		f.setVCov(s.inverse, s.num())
		return nil
	}
	z, err := in.clusterScores(ctx, members)
	if err != nil {
		return err
	}
	cross := suffstat.NewCross(len(z))
	if err := cross.Add(ctx, suffstat.Block{Columns: z}, r.Workers); err != nil {
		return fmt.Errorf("linreg: %v: %w", r.Covariance, err)
	}
	meat, bread := square(len(z)), square(len(z))
	for a := range z {
		for b := range z {
			meat[a][b] = cross.At(a+1, b+1).Big()
		}
		for b, u := range s.u[a] {
			bread[a][b] = s.num().Quo(u, s.d[a])
		}
	}
	g, n := int64(len(members)), int64(f.N)
	scale := s.num().SetInt64(g * (n - 1))
	scale.Quo(scale, s.num().Mul(s.num().SetInt64(g-1), s.num().SetFloat64(f.DFResidual)))
	v, err := s.congruence(bread, meat)
	if err != nil {
		return err
	}
	f.setVCov(v, scale)
	return nil
}

// byCluster lists the rows of each cluster, clusters in order of appearance.
func byCluster(codes []int32) [][]int32 {
	place := map[int32]int{}
	var size []int
	for _, c := range codes {
		k, ok := place[c]
		if !ok {
			k = len(size)
			place[c] = k
			size = append(size, 0)
		}
		size[k]++
	}
	members := make([][]int32, len(size))
	all := make([]int32, len(codes))
	for k, n := range size {
		members[k], all = all[:0:n], all[n:]
	}
	for i, c := range codes {
		k := place[c]
		members[k] = append(members[k], int32(i))
	}
	return members
}

// clusterScores returns z by column, one row per cluster.
func (in diagnosis) clusterScores(ctx context.Context, members [][]int32) ([][]float64, error) {
	s, columns := in.solution, in.columns()
	g := len(members)
	high, low := make([][]float64, len(columns)), make([][]float64, len(columns))
	for a := range columns {
		high[a], low[a] = make([]float64, g), make([]float64, g)
	}
	var score, x []float64
	for k, rows := range members {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		score = in.gatherScores(score[:0], rows)
		if i := notFinite(score); i >= 0 {
			return nil, fmt.Errorf("linreg: %w: weight times residual of row %d", ErrRange, rows[i])
		}
		for a, column := range columns {
			var sum exact.Sum
			if column == nil {
				sum.AddAll(score)
			} else {
				x = x[:0]
				for _, i := range rows {
					x = append(x, column[i])
				}
				sum.AddDot(score, x)
			}
			high[a][k], low[a][k] = twoPart(&sum)
		}
	}
	z := make([][]float64, len(columns))
	for a, row := range s.u {
		z[a] = mapScores(row, high, low)
		if k := notFinite(z[a]); k >= 0 {
			return nil, fmt.Errorf("linreg: %w: score of the cluster of row %d", ErrRange, members[k][0])
		}
	}
	return z, nil
}

// gatherScores appends w·e for the given rows.
func (in diagnosis) gatherScores(to []float64, rows []int32) []float64 {
	for _, i := range rows {
		e := in.residuals[i]
		if in.rows.W != nil {
			e *= in.rows.W[i]
		}
		to = append(to, e)
	}
	return to
}

// mapScores returns Σ u[b]·score[b], with scores in two parts.
func mapScores(u []*big.Float, high, low [][]float64) []float64 {
	f := newForm(u, high)
	sum, rest := make([]float64, len(high[0])), make([]float64, len(high[0]))
	f.addTo(sum, rest, 0)
	for b, h := range f.high {
		for k, l := range low[b] {
			rest[k] += h * l
		}
	}
	for k, v := range rest {
		sum[k] += v
	}
	return sum
}
