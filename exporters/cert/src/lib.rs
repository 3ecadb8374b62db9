//! Prometheus exporter for certificates: a drop-in for ssl_exporter.
