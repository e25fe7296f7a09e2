"""`modelfleet up` and `demo` as users meet them: real processes, real files, real signals."""
