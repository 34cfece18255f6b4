package tree

import "github.com/millrace/millrace/sql/schema"

// IsDescending reports whether the order is from high to low: the ordering operator
// is the type's "greater than". PostgreSQL names it so in all default operator
// classes but those of patterns; before 18 the query tree does not say it itself.
func (s *SortGroup) IsDescending(c schema.Catalog) (bool, error) {
	if s.Descending || s.Order == 0 {
		return s.Descending, nil
	}
	o, err := c.Operator(s.Order)
	if err != nil {
		return false, err
	}
	return o.Name == ">" || o.Name == "~>~", nil
}
