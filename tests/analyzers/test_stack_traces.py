"""Reading stack traces: each language's own form, and which frames are the service's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.stack_frames import parse
from analyzers.stack_frames.own import own_frames, root

PYTHON = """\
order failed
Traceback (most recent call last):
  File "/app/services/checkout/app/db/pool.py", line 7, in connection
    return pool.acquire(timeout=2.0)
           ^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/local/lib/python3.11/site-packages/psycopg/pool.py", line 91, in acquire
    raise PoolTimeout()
PoolTimeout: no connection within 2.0 s

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/local/lib/python3.11/site-packages/flask/app.py", line 1473, in wsgi_app
    response = self.full_dispatch_request()
  File "/app/services/checkout/app/orders.py", line 58, in place
    raise OrderError("later") from error
app.errors.OrderError: later"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/app/jobs.py", line 4, in run
  |     async with asyncio.TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/stock.py", line 9, in reserve
    |     raise KeyError(sku)
    | KeyError: 'a-7'
    +------------------------------------"""
JAVA = """\
[pool-1] com.shop.Pay - charge failed
com.shop.PayException: charge failed
\tat com.shop.pay.Pay.charge(Pay.java:41)
\tat org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:186)
\tat com.shop.pay.Pay$$EnhancerBySpringCGLIB$$1f.charge(<generated>)
\tat java.base/java.lang.Thread.run(Thread.java:829)
\tSuppressed: java.io.IOException: close
\t\tat com.shop.pay.Socket.close(Socket.java:3)
Caused by: java.sql.SQLException: HikariPool-1 - Connection is not available
\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:696)
\tat com.shop.db.Orders.lambda$save$0(Orders.java:112)
\t... 23 more"""
NODE = """\
TypeError: Cannot read properties of undefined (reading 'id')
    at Array.map (<anonymous>)
    at OrderService.place (/app/src/orders/service.js:42:15)
    at Layer.handle [as handle_request] (/app/node_modules/express/lib/router/layer.js:95:5)
    at async /app/src/server.ts:10:3
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"""
NODE_CAUSE = """\
Error: order failed
    at place (file:///app/src/orders.mjs:3:9) {
  [cause]: RangeError: no stock
      at reserve (file:///app/src/stock.mjs:8:11)
}"""
DOTNET = """\
System.InvalidOperationException: no order
 ---> Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.0.3.9:5432
 ---> System.Net.Sockets.SocketException (111): Connection refused
   at System.Net.Sockets.Socket.Connect(EndPoint remoteEP)
   --- End of inner exception stack trace ---
   at Npgsql.Internal.NpgsqlConnector.Connect(NpgsqlTimeout timeout)
   --- End of inner exception stack trace ---
   at Shop.Db.Pool.Get(Int32 n) in C:\\shop\\Db\\Pool.cs:line 58
   at Microsoft.AspNetCore.Mvc.Infrastructure.ActionMethodExecutor.Execute(Object controller)"""
GO = """\
http: panic serving 10.0.0.1:1234: runtime error: index out of range [5] with length 3
goroutine 34 [running]:
net/http.(*conn).serve.func1()
\t/usr/local/go/src/net/http/server.go:1854 +0xbf
panic({0x6a1d60, 0xc0000b6018})
\t/usr/local/go/src/runtime/panic.go:890 +0x263
strings.Repeat({0x1, 0x2}, 0x3)
\t/usr/local/go/src/strings/strings.go:5 +0x1
main.(*Pool).Get(0xc000010000, {0x1, 0x2})
\t/go/src/app/db/pool.go:42 +0x1d
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3089 +0x5ed

goroutine 1 [IO wait]:
main.main()
\t/go/src/app/main.go:9 +0x1"""
ZAP = """\
order failed
example.com/shop/orders.(*Orders).Place
\t/src/internal/orders/place.go:31
net/http.HandlerFunc.ServeHTTP
\t/usr/local/go/src/net/http/server.go:2136"""
TRIMMED = """\
panic: no stock [recovered]

goroutine 1 [running]:
net/http.HandlerFunc.ServeHTTP(0x1)
\tnet/http/server.go:2136 +0x29
github.com/lib/pq.(*conn).exec(0x1)
\tgithub.com/lib/pq@v1.10.9/conn.go:1 +0x29
example.com/shop/stock.Take(...)
\texample.com/shop/stock/take.go:8"""
RUBY = """\
/app/app/models/order.rb:12:in `total': undefined method `price' for nil:NilClass (NoMethodError)
\tfrom /usr/local/bundle/gems/activerecord-7.0/lib/active_record.rb:6:in `block'
\tfrom /app/app/controllers/orders_controller.rb:5:in `create'
/app/app/models/price.rb:3:in 'Price.find': no such row (Shop::NotFound)"""
RAILS = """\
ActionView::Template::Error (undefined method `total' for nil:NilClass):
app/views/orders/show.html.erb:4:in `block in _app_views'
app/controllers/orders_controller.rb:12:in `create'"""


@pytest.mark.parametrize(
    ("text", "language", "exception", "path", "line", "function"),
    [
        (PYTHON, "python", "PoolTimeout", "/app/services/checkout/app/db/pool.py", 7, "connection"),
        (GROUP, "python", "KeyError", "/app/stock.py", 9, "reserve"),
        (JAVA, "java", "java.sql.SQLException", "com/shop/db/Orders.java", 112, "com.shop.db.Orders.lambda$save$0"),
        (NODE, "node", "TypeError", "/app/src/orders/service.js", 42, "OrderService.place"),
        (NODE_CAUSE, "node", "RangeError", "/app/src/stock.mjs", 8, "reserve"),
        (DOTNET, "dotnet", "System.Net.Sockets.SocketException", "C:/shop/Db/Pool.cs", 58, "Shop.Db.Pool.Get"),
        (GO, "go", "panic", "/go/src/app/db/pool.go", 42, "main.(*Pool).Get"),
        (ZAP, "go", "", "/src/internal/orders/place.go", 31, "example.com/shop/orders.(*Orders).Place"),
        (TRIMMED, "go", "panic", "example.com/shop/stock/take.go", 8, "example.com/shop/stock.Take"),
        (RUBY, "ruby", "Shop::NotFound", "/app/app/models/price.rb", 3, "Price.find"),
        (RAILS, "ruby", "ActionView::Template::Error", "app/views/orders/show.html.erb", 4, "block in _app_views"),
    ],
)  # fmt: skip
def test_the_root_cause_and_the_innermost_frame_of_the_service(
    text: str, language: str, exception: str, path: str, line: int, function: str
) -> None:
    trace = parse(text)
    assert trace
    top = own_frames(trace)[0]
    assert (trace.language, root(trace).exception) == (language, exception)
    assert (top.path, top.line, top.function) == (path, line, function)


def test_chains_are_read_whole_and_what_was_suppressed_is_no_cause() -> None:
    def chain(text: str) -> list[str]:
        trace = parse(text)
        assert trace
        return [f.exception for f in trace.faults]

    assert chain(PYTHON) == ["PoolTimeout", "app.errors.OrderError"]
    assert chain(JAVA) == ["java.sql.SQLException", "com.shop.PayException"]
    assert chain(NODE_CAUSE) == ["RangeError", "Error"]
    assert chain(DOTNET) == [
        "System.Net.Sockets.SocketException", "Npgsql.NpgsqlException", "System.InvalidOperationException"
    ]  # fmt: skip
    assert chain(RUBY) == ["Shop::NotFound", "NoMethodError"]


def test_messages_are_those_of_the_exceptions() -> None:
    messages = [root(trace).message for text in (PYTHON, JAVA, GO, RAILS) if (trace := parse(text))]
    assert messages == [
        "no connection within 2.0 s",
        "HikariPool-1 - Connection is not available",
        "runtime error: index out of range [5] with length 3",
        "undefined method `total' for nil:NilClass",
    ]


def test_a_trace_of_libraries_alone_has_no_own_frame() -> None:
    lines = [line for line in JAVA.splitlines() if "com.shop" not in line or "PayException" in line]
    trace = parse("\n".join(lines))
    assert trace
    assert own_frames(trace) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET /orders 200 at 03:01:00",
        "deployed at https://shop.example.com:443/a",
        "look\n  at the docs (page 3)",
        "error in main.go:12",
        "  File \"/app/a.py\", line 3, in b",
        "goroutine 7 [running]:",
        "Traceback (most recent call last):",
        "10:12:in the morning",
    ],
)  # fmt: skip
def test_what_is_no_trace_is_none(text: str) -> None:
    assert parse(text) is None


PIECES = st.sampled_from(
    [line for text in (PYTHON, GROUP, JAVA, NODE_CAUSE, DOTNET, GO, RUBY, RAILS) for line in text.splitlines()]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=60)), max_size=40))
def test_any_lines_are_a_trace_with_frames_or_none(lines: list[str]) -> None:
    trace = parse("\n".join(lines))
    if trace is not None:
        assert any(f.frames for f in trace.faults)
        for frame in (f for fault in trace.faults for f in fault.frames):
            assert "\\" not in frame.path
            assert frame.line is None or frame.line >= 0
        assert set(own_frames(trace)) <= {f for fault in trace.faults for f in fault.frames}


@pytest.mark.parametrize(
    "line", ["   at " + "a.b " * 600, "Error: " * 500 + "\n at x", " at f (" * 400, "a." * 1500, "x.rb:1:in `" * 200]
)
def test_hostile_lines_take_no_time(line: str) -> None:
    import time

    start = time.perf_counter()
    parse("Error: x\n    at f (/app/a.js:1:2)\n" + "\n".join([line] * 20))
    assert time.perf_counter() - start < 1.0
