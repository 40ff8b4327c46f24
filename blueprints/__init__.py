"""HTTP in, HTTP out; no rules of their own. Each module has its `blueprint`; wsgi.py registers them."""
