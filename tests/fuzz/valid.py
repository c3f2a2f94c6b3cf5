"""Valid bodies, of which the hostile ones are made."""

import json
import random

import pyarrow as pa
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from readers import remote_write_2_request, remote_write_request

NOW = 1_780_300_000_000_000
"""When the bodies are received, in microseconds UTC."""
_MILLIS = 1_780_272_000_000
_STALE = b"\x02\x00\x00\x00\x00\x00\xf0\x7f"

MAPPING = b"""
series:
  - name: probes
    labels: {__name__: probe_success, job: [blackbox, pings]}
    service: "{instance}"
    metric: reachable
    services: {"10.0.0.1:9115": vpn-0042}
  - labels: {__name__: {regex: "rtt_(seconds|s)"}, env: ""}
    service: "vpn-{site}"
    metric: rtt
    scale: 1000
"""
AGREEMENTS = b"""
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-01-01}
    services: [line-1]
    service_hours: {mon-fri: "08:00-18:00", holidays: DE}
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: month}
        target: 99.9 %
        warning: {budget_spent: 75 %}
        credits: [{below: 99.9 %, share: 10 %}, {below: 99.0 %, share: 25 %}]
    charge: {line-1: {amount: 1200.00, currency: EUR}}
    notices: {violation: {within: 15m, to: [customer.noc]}}
"""
JSON_LINES = (
    b"".join(
        b'{"service":"line-%d","metric":"rtt","time":"2026-06-01T00:0%d:00Z","value":%d.5}\n' % (i % 2, i, i)
        for i in range(5)
    )
    + b'{"service":"line-1","metric":"calls","time":"2026-06-01T02:00:00+02:00","good":5,"total":7}\n'
)
SAMPLE_LINES = b'{"labels":{"__name__":"up","instance":"a"},"time":"2026-06-01T00:00:00Z","value":1.5}\n' * 3
ALARM = b"""{"alarmType":"Communications Alarm","perceivedSeverity":"critical","probableCause":"Loss of signal",
"alarmedObject":{"id":"router-7"},"sourceSystemId":"ems-7","externalAlarmId":"4711","state":"raised",
"alarmRaisedTime":"2026-06-01T00:00:00Z","alarmClearedTime":"2026-06-01T01:00:00+02:00","serviceAffecting":true,
"affectedService":[{"id":"line-1"}],"place":[{"role":"site"}],"correlatedAlarm":[{"id":"1"}],"x":{"y":[1,{"z":1.5}]}}"""
NOTIFICATION = b'{"eventTime":"2026-06-01T00:00:00Z","event":{"alarm":{"id":17,"state":"cleared","ackState":"ok"}}}'
JOB = b"""{"jobId":"pm-17","jobPriority":2,"granularity":"g_15mn","executionState":"pending","fileTransferData":
[{"fileLocation":"https://files.example.net/1.csv","fileFormat":"CSV","packingType":{"packingEnumType":"GZIP"}}],
"trackingRecord":[{"id":"1","time":"2026-06-01T00:00:00Z","characteristic":[{"name":"a","value":[1]}]}],"x":null}"""
FILES_READY = b"""{"eventId":"1","event":{"measurementCollectionJob":{"id":"31","fileTransferData":
[{"fileLocation":"https://files.example.net/1.csv"}],"trackingRecord":[{"description":"done"}]}}}"""
WEBHOOK = b"""{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"LinkDown","line":"line-1"},
"annotations":{"summary":"no light"},"startsAt":"2026-06-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z",
"fingerprint":"a1"},{"status":"resolved","labels":{"alertname":"Fan"},"startsAt":"2026-06-01T00:00:00.123456789Z",
"endsAt":"2026-06-01T00:05:00Z","fingerprint":"b2"}]}"""
EVENTS = b"""{"service":"line-1","metric":"restore","opened":"2026-06-01T00:00:00Z","closed":"2026-06-01T03:00:00Z"}
{"service":"line-1","metric":"restore","opened":"2026-06-02T00:00:00Z","priority":"P1","event":"a1"}
"""
CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//Maint//EN\r
BEGIN:VEVENT\r
UID:42@example.com\r
DTSTAMP:20260520T120000Z\r
DTSTART:20260601T220000Z\r
DTEND:20260602T020000Z\r
SUMMARY:Fibre work\r
SEQUENCE:1\r
X-MAINTNOTE-PROVIDER:example.com\r
X-MAINTNOTE-ACCOUNT:137.035999173\r
X-MAINTNOTE-MAINTENANCE-ID:WorkOrder-31415\r
X-MAINTNOTE-IMPACT:OUTAGE\r
X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=OUTAGE:line-1\r
X-MAINTNOTE-STATUS:CONFIRMED\r
END:VEVENT\r
END:VCALENDAR\r
"""


def _series() -> list[list[remote_write_request.Sent]]:
    """Requests of different shapes: few long series, many short ones, odd labels."""
    chosen = random.Random(1)
    labels = [
        [("__name__", "probe_success"), ("instance", f"pe{i}.example.net:9115"), ("job", "blackbox"), ("zone", "nord")]
        for i in range(12)
    ]
    odd = [
        [("job", "b"), ("__name__", "up")],
        [("__name__", "up"), ("zone", "")],
        [("__name__", "München"), ("text", "x" * 200)],
    ]
    return [
        [(labels[0], [(_MILLIS + i, chosen.uniform(-9, 9)) for i in range(20)]), (labels[1], [])],
        [(one, [(_MILLIS, 1.0)]) for one in labels],
        [(one, [(_MILLIS, 1.0), (-5, 0.0)]) for one in odd],
        [],
    ]


def requests_1() -> list[bytes]:
    """Of remote write 1.0, not compressed."""
    requests = [remote_write_request.request(series) for series in _series()]
    requests[0].metadata.add(type=1, metric_family_name="probe_success")
    requests[0].timeseries[0].exemplars.add(value=1.0, timestamp=_MILLIS)
    requests[0].timeseries[0].histograms.add(count_int=3)
    return [_with_stale(one.SerializeToString()) for one in requests]


def requests_2() -> list[bytes]:
    """Of remote write 2.0, not compressed."""
    requests = [remote_write_2_request.request(series) for series in _series()]
    first = requests[0].timeseries[0]
    first.exemplars.add(labels_refs=[1, 2], value=1.0, timestamp=_MILLIS)
    first.metadata.type, first.created_timestamp = 2, _MILLIS
    requests[1].timeseries.add(labels_refs=[1, 2]).histograms.add(
        count_int=3, positive_deltas=[1, 2], timestamp=_MILLIS
    )
    return [_with_stale(one.SerializeToString()) for one in requests]


def _with_stale(raw: bytes) -> bytes:
    """Some values made staleness markers."""
    return raw.replace(b"\x00\x00\x00\x00\x00\x00\xf0\x3f", _STALE, 1)


def otlp() -> bytes:
    """Metrics of each kind."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = "probe"
    nested = resource.resource.attributes.add(key="tags")
    nested.value.array_value.values.add().kvlist_value.values.add(key="a").value.bytes_value = b"\x00\xff"
    metrics = resource.scope_metrics.add().metrics
    gauge = metrics.add(name="rtt").gauge.data_points.add(time_unix_nano=_MILLIS * 1_000_000, as_double=1.5)
    gauge.attributes.add(key="line").value.string_value = "line-1"
    metrics.add(name="calls").sum.data_points.add(time_unix_nano=_MILLIS * 1_000_000, as_int=5)
    metrics.add(name="size").histogram.data_points.add(count=3)
    metrics.add(name="gone").gauge.data_points.add(time_unix_nano=_MILLIS * 1_000_000, flags=1)
    return request.SerializeToString()


def otlp_json() -> bytes:
    """The same in JSON."""
    return MessageToJson(ExportMetricsServiceRequest.FromString(otlp()), indent=None).encode()


def table() -> pa.Table:
    """Measurements with values and with counts."""
    rows = 12
    time = pa.array([_MILLIS * 1000 + i * 60_000_000 for i in range(rows)], pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "service": pa.array([f"line-{i % 3}" for i in range(rows)]).dictionary_encode(),
            "metric": pa.array(["rtt" if i % 2 else "calls" for i in range(rows)]),
            "time": time,
            "value": pa.array([i / 2 if i % 2 else None for i in range(rows)], pa.float64()),
            "good": pa.array([None if i % 2 else i for i in range(rows)], pa.int64()),
            "total": pa.array([None if i % 2 else i + 1 for i in range(rows)], pa.int64()),
        }
    )


def csv() -> bytes:
    """The same as text."""
    lines = ["service,metric,time,value,good,total"]
    lines += [f"line-{i % 3},rtt,2026-06-01T00:{i:02}:00Z,{i / 2},," for i in range(8)]
    lines += [f'"line,1",calls,2026-06-01T00:{i:02}:00+02:00,,{i},{i + 1}' for i in range(4)]
    return "\n".join(lines).encode() + b"\n"


WORKS = (
    b"id,title,start,end,services,approved_by\n"
    b'W-1,"Router, swapped",2026-06-20T22:00:00Z,2026-06-21T02:00:00+02:00,a;b,Ada\n'
)
CHANGE_REQUEST = json.dumps(
    {
        "description": "Router swap\nNew line cards",
        "plannedStartTime": "2026-06-20T22:00:00Z",
        "plannedEndTime": "2026-06-21T02:00:00Z",
        "priority": "2",
        "requestType": "Normal",
        "specification": {"id": "17"},
        "targetEntity": [{"id": "a", "role": "target", "@referredType": "Service"}],
        "externalReference": [{"id": "CHG-42"}],
        "relatedParty": [{"id": "7", "name": "Ada", "role": "approver", "@referredType": "Individual"}],
    }
).encode()
