"""What the catalogue speaks of, by the last part of its names: known before any of its files is read."""

UNTIL_CANCELLED = frozenset({"serve_forever"})
"""What methods are called that end by a cancellation alone, which is also what those raise who wait there while another
closes the server."""

SERVING = frozenset(
    {
        "Route",
        "WebSocketRoute",
        "add_api_route",
        "add_delete",
        "add_get",
        "add_head",
        "add_options",
        "add_patch",
        "add_post",
        "add_put",
        "add_route",
        "add_url_rule",
        "add_view",
        "delete",
        "get",
        "head",
        "options",
        "patch",
        "path",
        "post",
        "put",
        "re_path",
        "route",
        "view",
    }
)
"""What the calls of all `serves` entries are called."""

SERVING_METHODS = frozenset(
    {
        "create",
        "delete",
        "destroy",
        "dispatch",
        "dispatch_request",
        "do_DELETE",
        "do_GET",
        "do_HEAD",
        "do_OPTIONS",
        "do_PATCH",
        "do_POST",
        "do_PUT",
        "form_valid",
        "get",
        "handle",
        "head",
        "list",
        "on_close",
        "on_connect",
        "on_disconnect",
        "on_message",
        "on_receive",
        "open",
        "options",
        "partial_update",
        "patch",
        "perform_create",
        "perform_destroy",
        "perform_update",
        "post",
        "prepare",
        "put",
        "retrieve",
        "run",
        "update",
    }
)
"""The methods of all `serving_class` entries."""

PROBES = frozenset(
    {
        "arch",
        "df",
        "free",
        "hostname",
        "id",
        "ifconfig",
        "ioreg",
        "ip",
        "lsblk",
        "lscpu",
        "lspci",
        "lsusb",
        "netstat",
        "nvidia-smi",
        "ps",
        "rocm-smi",
        "sw_vers",
        "tasklist",
        "uname",
        "whoami",
        "xrandr",
    }
)
"""Programs that tell of the machine that they run on, and end."""

REPOSITORY = frozenset(
    {
        *("branch", "cat-file", "check-ignore", "config", "describe", "for-each-ref", "log", "ls-files", "merge-base"),
        *("name-rev", "remote", "rev-list", "rev-parse", "shortlog", "show", "status", "symbolic-ref", "tag"),
    }
)
"""What `git` is asked to tell of a repository without another machine."""
