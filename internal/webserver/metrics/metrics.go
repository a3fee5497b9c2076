// Package metrics counts what the listeners do, for Prometheus.
//
// Start with New; give the Metrics to webserver.Config as its Recorder, and
// put Handler on the private listener. The registry is our own: nothing that a
// library registers by itself shows up.
//
// Promised: every label is bounded. Routes are templates, methods and kinds
// come from closed lists, and no value of a peer becomes a label, so that a
// flood of new ids, paths or clients does not grow the memory.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vidimus/internal/problem"
)

// Metrics is one registry with the counters of the web layer and those that
// Counter and Gauge add. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// New makes a registry with the web counters and the runtime's own.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vidimus_http_requests_total",
			Help: "Requests by listener, route template, method, status and kind of refusal (empty when served).",
		}, []string{"listener", "route", "method", "status", "kind"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "vidimus_http_request_seconds",
			Help:    "Time from the end of the headers to the end of the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"listener", "route"}),
	}
	m.registry.MustRegister(m.requests, m.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request implements webserver.Recorder.
func (m *Metrics) Request(listener, route, method string, status int, kind problem.Kind, took time.Duration) {
	m.requests.WithLabelValues(listener, route, method, strconv.Itoa(status), string(kind)).Inc()
	m.duration.WithLabelValues(listener, route).Observe(took.Seconds())
}

// Counter adds a counter without labels and returns what increments it. A name
// that is there already is a mistake of the program and panics.
func (m *Metrics) Counter(name, help string) func() {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c.Inc
}

// Gauge adds a value that is read when asked for.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Handler writes the registry in the exposition format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Histogram adds a distribution with labels from closed lists, and returns what
// observes a value.
func (m *Metrics) Histogram(name, help string, buckets []float64, labels ...string) func(value float64, labels ...string) {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	if len(labels) == 0 {
		h.WithLabelValues() // shown before the first value
	}
	return func(value float64, labels ...string) { h.WithLabelValues(labels...).Observe(value) }
}

// Gauges adds values with one label from a closed list, read when asked for.
func (m *Metrics) Gauges(name, help, label string, read func(set func(label string, value float64))) {
	m.registry.MustRegister(&gauges{prometheus.NewDesc(name, help, []string{label}, nil), read})
}

type gauges struct {
	desc *prometheus.Desc
	read func(func(string, float64))
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(c chan<- *prometheus.Desc) { c <- g.desc }

// Collect implements prometheus.Collector.
func (g *gauges) Collect(c chan<- prometheus.Metric) {
	g.read(func(label string, value float64) {
		c <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, label)
	})
}
