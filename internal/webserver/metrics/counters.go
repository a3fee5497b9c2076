package metrics

import "github.com/prometheus/client_golang/prometheus"

// Counters adds a counter with one label from a closed list, and returns what
// adds to it.
func (m *Metrics) Counters(name, help, label string) func(label string, n int) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	m.registry.MustRegister(c)
	return func(label string, n int) { c.WithLabelValues(label).Add(float64(n)) }
}
