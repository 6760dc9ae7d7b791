"""Which frame of a trace is the service's own code, and not a library's or the run time's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from analyzers.stack_frames.model import Fault, Frame, Language, Trace

_GO_STANDARD = (
    "bufio|bytes|context|crypto|database|encoding|errors|fmt|html|internal|io|iter|log|maps|math|mime|net|os|reflect"
    "|regexp|runtime|slices|sort|strconv|strings|sync|syscall|testing|text|time|unicode"
)
# Where package managers and run times put code that is not the service's.
_PATHS: Mapping[Language, re.Pattern[str]] = {
    "python": re.compile(r"/(?:site|dist)-packages/|/lib(?:64)?/python\d|^<(?!stdin)|/lib/python\d|^/usr/lib/pypy"),
    # Built with -trimpath, the standard library's paths have nothing in front of the package.
    "go": re.compile(rf"(?:^|go[^/]*/(?:[^/]+/){{0,2}}src/)(?:{_GO_STANDARD})/|/pkg/mod/|@v\d|/vendor/|^_cgo"),
    "node": re.compile(r"/node_modules/|^node:|^internal/|^[^/]+$|/webpack/(?:runtime|bootstrap)|/\.yarn/"),
    "ruby": re.compile(r"/gems/|/rubygems/|/lib/ruby/|^<internal:|/bin/(?:bundle|rails|puma|rake)$|^bin/"),
    "dotnet": re.compile(r"^/_/|/\.nuget/"),  # '/_/': sources of libraries with deterministic builds
    "java": re.compile(r"(?!)"),
}
# Java and .NET name no folder of the machine: libraries are known by their packages and namespaces.
_NAMES: Mapping[str, re.Pattern[str]] = {
    "java": re.compile(
        r"(?:java|javax|jakarta|jdk|sun|com\.sun|com\.oracle|oracle|kotlin|kotlinx|scala|groovy|clojure|akka|play|rx"
        r"|reactor|feign|okhttp3|okio|retrofit2|zio|cats|org\.(?:springframework|apache|hibernate|eclipse|jboss|jetbrains"
        r"|postgresql|slf4j|codehaus|aspectj|junit|mongodb|redisson|elasticsearch|opensearch|xnio|glassfish|reactivestreams"
        r"|jooq|mybatis|yaml|mariadb|h2|flywaydb|quartz|thymeleaf|joda|bouncycastle|wildfly|keycloak|typelevel|http4s)"
        r"|com\.(?:zaxxer|fasterxml|google|mysql|mongodb|amazonaws|microsoft|azure|netflix|github\.benmanes|squareup"
        r"|rabbitmq|datastax|newrelic|datadog|lmax|typesafe|linecorp|graphql|codahale|hazelcast|mchange|ibm)"
        r"|io\.(?:netty|grpc|undertow|micrometer|opentelemetry|opentracing|vertx|quarkus|micronaut|reactivex|lettuce"
        r"|r2dbc|smallrye|github\.resilience4j|projectreactor|ktor|swagger|dropwizard|sentry|kubernetes|confluent|debezium)"
        r"|software\.amazon|ch\.qos|net\.(?:bytebuddy|sf|logstash)|redis\.clients|lombok|datadog)\.|.*\$\$|.*\$Proxy\d"
    ),
    "dotnet": re.compile(
        r"(?:System|Microsoft|Npgsql|MySql|MySqlConnector|MongoDB|StackExchange|Newtonsoft|Grpc|Google|Polly|Dapper"
        r"|MassTransit|RabbitMQ|Confluent|Serilog|NLog|MediatR|AutoMapper|Autofac|Amazon|Azure|Oracle|Castle|Hangfire"
        r"|Quartz|RestSharp|Refit|FluentValidation|OpenTelemetry|Elastic|Swashbuckle|lambda_method)\b"
    ),
}


def is_own(frame: Frame, language: Language) -> bool:
    """By where it lies or how it is named; a frame that shows neither file nor name is nobody's."""
    if not frame.path and (language not in _NAMES or not frame.function):
        return False
    names = _NAMES.get(language)
    return not _PATHS[language].search(frame.path) and not (names and names.match(frame.function))


def own_frames(trace: Trace) -> tuple[Frame, ...]:
    """The service's frames, innermost first, of the innermost exception that has any; () where all are libraries'."""
    owned = (tuple(f for f in fault.frames if is_own(f, trace.language)) for fault in trace.faults)
    return next((frames for frames in owned if frames), ())


def root(trace: Trace) -> Fault:
    """The exception that began it: the first of the chain with a name."""
    return next((f for f in trace.faults if f.exception), trace.faults[0])
