"""Where the parts of a role are put together, one module a role; nothing else knows all of them."""
