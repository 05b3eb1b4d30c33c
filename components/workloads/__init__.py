"""The study's workloads: webpod (an HTTP echo behind a Service) and curl-pod (network tools)."""
