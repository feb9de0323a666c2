"""The table of all routes of the web server, and nothing else.

A new address is one row here and one handler. Rights, limits, parameters and bodies are checked
before the handler is called, and the OpenAPI document describes each row that has a summary.
"""

from __future__ import annotations

from dataclasses import dataclass

from camfan_nodes.recordings_http.answers import (
    CameraRecording,
    FrameQuery,
    FramesQuery,
    ProtectedInfo,
    ProtectedTime,
    QueryAtRecorder,
    RecordedEventList,
    RecordingRange,
    UnprotectWish,
)
from camfan_nodes.web.api import (
    Api,
    CameraList,
    ClientList,
    EventList,
    EventQuery,
    Me,
    Settings,
)
from camfan_nodes.web.html_routes import HtmlRoutes
from camfan_nodes.web.live_clients import LiveClients
from camfan_nodes.web.login import Credentials, LoggedIn, LoggedOut, LoginApi, LoginRefusal
from camfan_nodes.web.mjpeg import MjpegStreams, StreamQuery
from camfan_nodes.web.monitoring import MonitoringRoutes
from camfan_nodes.web.overview import CameraInfo, Overview
from camfan_nodes.web.recordings import (
    RecordingCatalogue,
    RecordingRoutes,
)
from camfan_nodes.web.route import BASIC, Answer, Rights, Route, SlotLimit
from camfan_nodes.web.snapshots import SnapshotQuery, Snapshots

PAGES = SlotLimit("pages", in_all=256, per_user=64, for_owners=16)
STREAMS = SlotLimit("streams", in_all=256, per_user=64, for_owners=16)
SNAPSHOTS = SlotLimit("snapshot requests", in_all=256, per_user=64, for_owners=16)
RECORDINGS = SlotLimit("requests for recordings", in_all=48, per_user=16, for_owners=8)
RECORDED_STREAMS = SlotLimit("streams of recordings", in_all=8, per_user=4, for_owners=2)
CHANGES_PER_S = 2.0  # of settings

JPEG = Answer(
    "the JPEG as the camera made it; with stale=picture and only an older one, that one without "
    "colours and hatched, and X-Camfan-State says stale or away",
    "image/jpeg",
)
MJPEG = Answer("JPEGs, one after the other, without an end", "multipart/x-mixed-replace")
NO_FRAME = {
    503: "the newest frame is older than max_age; or too many snapshot requests are open",
    504: "fresh=1, and no new frame arrived in time",
}
NO_RECORDER = {
    502: "what answers in the recorder's place, or in another version; or it rejects this server",
    503: "the recorder does not answer, or its index cannot be read; or too many requests are open",
}
RECORDED_JPEG = Answer("the JPEG as the camera made it", "image/jpeg")
RECORDED_JPEGS = Answer(
    "a part for each frame, with X-Timestamp, X-Camfan-Run and X-Camfan-Sequence; of a frame that "
    "cannot be read, the reason as text/plain",
    "multipart/mixed",
)


@dataclass(frozen=True, slots=True)
class Handlers:
    """The objects whose methods answer."""

    html: HtmlRoutes
    login: LoginApi
    live: LiveClients
    snapshots: Snapshots
    mjpeg: MjpegStreams
    api: Api
    recordings: RecordingRoutes
    monitoring: MonitoringRoutes


ROUTES = (
    # pages
    Route(path="/", handler=lambda to: to.html.root, rights=Rights.PUBLIC),
    Route(path="/live", handler=lambda to: to.html.live, rights=Rights.PAGE),
    Route(path="/site", handler=lambda to: to.html.site, rights=Rights.PAGE),
    Route(path="/login", handler=lambda to: to.html.login, rights=Rights.PUBLIC),
    Route(path="/static/{name}", handler=lambda to: to.html.asset, rights=Rights.PUBLIC),
    Route(path="/sw.js", handler=lambda to: to.html.service_worker, rights=Rights.PUBLIC),
    Route(path="/manifest.webmanifest", handler=lambda to: to.html.manifest, rights=Rights.PUBLIC),
    Route(
        path="/ws",
        handler=lambda to: to.live.serve,
        rights=Rights.VIEWER,
        same_origin=True,
        slots=PAGES,
    ),
    # frames
    Route(
        path="/snapshot/{camera}.jpg",
        handler=lambda to: to.snapshots.serve,
        rights=Rights.VIEWER,
        challenge=BASIC,
        query=SnapshotQuery,
        slots=SNAPSHOTS,
        summary="The newest frame, if it is not older than max_age seconds; with fresh=1 the next "
        "one that is taken",
        answer=JPEG,
        errors=NO_FRAME,
    ),
    Route(
        path="/stream/{camera}.mjpg",
        handler=lambda to: to.mjpeg.serve,
        rights=Rights.VIEWER,
        challenge=BASIC,
        query=StreamQuery,
        slots=STREAMS,
        summary="The newest frames as MJPEG. For programs each part has its length and time; for a "
        "browser, or with for=browser, each frame is shown at once",
        answer=MJPEG,
    ),
    # the same addresses as mjpg-streamer
    Route(
        path="/?action=snapshot&camera={camera}",
        handler=lambda to: to.snapshots.serve,
        rights=Rights.VIEWER,
        challenge=BASIC,
        query=SnapshotQuery,
        slots=SNAPSHOTS,
    ),
    Route(
        path="/?action=stream&camera={camera}",
        handler=lambda to: to.mjpeg.serve,
        rights=Rights.VIEWER,
        challenge=BASIC,
        query=StreamQuery,
        slots=STREAMS,
    ),
    # the API
    Route(
        path="/api/me",
        handler=lambda to: to.api.me,
        rights=Rights.VIEWER,
        summary="The user or token of this request, and the cameras that it may see",
        answer=Answer("the user or token", Me),
    ),
    Route(
        path="/api/status",
        handler=lambda to: to.api.status,
        rights=Rights.VIEWER,
        summary="The whole site",
        answer=Answer("the site", Overview),
    ),
    Route(
        path="/api/cameras",
        handler=lambda to: to.api.cameras,
        rights=Rights.VIEWER,
        summary="All cameras",
        answer=Answer("the cameras", CameraList),
    ),
    Route(
        path="/api/cameras/{camera}",
        handler=lambda to: to.api.camera,
        rights=Rights.VIEWER,
        summary="One camera",
        answer=Answer("the camera", CameraInfo),
    ),
    Route(
        method="POST",
        path="/api/cameras/{camera}/settings",
        handler=lambda to: to.api.set_camera,
        rights=Rights.OPERATOR,
        body=Settings,
        per_second=CHANGES_PER_S,
        summary="Change a camera while it runs",
        answer=Answer("sent to the camera; its status shows the effect", Settings, 202),
        errors={409: "the node of the camera does not answer"},
    ),
    Route(
        path="/api/clients",
        handler=lambda to: to.api.clients,
        rights=Rights.VIEWER,
        summary="Open pages: an owner of all cameras gets all, others get their own",
        answer=Answer("the pages", ClientList),
    ),
    Route(
        path="/api/events",
        handler=lambda to: to.api.events,
        rights=Rights.VIEWER,
        query=EventQuery,
        summary="Events that began lately, newest first",
        answer=Answer("the events", EventList),
    ),
    Route(
        method="POST",
        path="/api/login",
        handler=lambda to: to.login.login,
        rights=Rights.PUBLIC,
        body=Credentials,
        summary="Log in with name and password; the answer sets a cookie",
        answer=Answer("logged in", LoggedIn),
        errors={
            401: Answer("wrong name or password", LoginRefusal),
            429: Answer("too many tries", LoginRefusal),
        },
    ),
    Route(
        method="POST",
        path="/api/logout",
        handler=lambda to: to.login.logout,
        rights=Rights.PUBLIC,
        summary="End the login of the cookie",
        answer=Answer("logged out", LoggedOut),
    ),
    # recordings
    Route(
        path="/api/recordings",
        handler=lambda to: to.recordings.catalogue,
        rights=Rights.VIEWER,
        slots=RECORDINGS,
        summary="Cameras with recordings, by recorder",
        answer=Answer("the cameras", RecordingCatalogue),
    ),
    Route(
        path="/api/recordings/{camera}",
        handler=lambda to: to.recordings.camera,
        rights=Rights.VIEWER,
        query=RecordingRange,
        slots=RECORDINGS,
        summary="What is recorded of a camera: spans, gaps with their reasons, clips",
        answer=Answer("the recording", CameraRecording),
        errors=NO_RECORDER,
    ),
    Route(
        path="/api/recordings/{camera}/frame",
        handler=lambda to: to.recordings.frame,
        rights=Rights.VIEWER,
        challenge=BASIC,
        query=FrameQuery,
        slots=RECORDINGS,
        summary="The newest frame at a time, or that of a run and sequence",
        answer=RECORDED_JPEG,
        errors={
            **NO_RECORDER,
            206: RECORDED_JPEG,
            304: "the client has it",
            410: "the frame cannot be read",
            416: "no such bytes",
        },
    ),
    Route(
        path="/api/recordings/{camera}/frames",
        handler=lambda to: to.recordings.frames,
        rights=Rights.VIEWER,
        challenge=BASIC,
        query=FramesQuery,
        slots=RECORDED_STREAMS,
        summary="The frames of a time, oldest first",
        answer=RECORDED_JPEGS,
        errors=NO_RECORDER,
    ),
    Route(
        path="/api/recordings/{camera}/events",
        handler=lambda to: to.recordings.events,
        rights=Rights.VIEWER,
        query=RecordingRange,
        slots=RECORDINGS,
        summary="Recorded events about a camera, oldest first",
        answer=Answer("the events", RecordedEventList),
        errors=NO_RECORDER,
    ),
    Route(
        method="POST",
        path="/api/recordings/{camera}/protect",
        handler=lambda to: to.recordings.protect,
        rights=Rights.OPERATOR,
        query=QueryAtRecorder,
        body=ProtectedTime,
        per_second=CHANGES_PER_S,
        slots=RECORDINGS,
        summary="Protect an interval of a camera: it is not deleted",
        answer=Answer("the protected interval", ProtectedInfo),
        errors=NO_RECORDER,
    ),
    Route(
        method="POST",
        path="/api/recordings/{camera}/unprotect",
        handler=lambda to: to.recordings.unprotect,
        rights=Rights.OPERATOR,
        query=QueryAtRecorder,
        body=UnprotectWish,
        per_second=CHANGES_PER_S,
        slots=RECORDINGS,
        summary="End the protection of an interval of a camera",
        answer=Answer("the interval that was protected", ProtectedInfo),
        errors=NO_RECORDER,
    ),
    # for monitoring and software
    Route(
        path="/api/openapi.json",
        handler=lambda to: to.monitoring.openapi,
        rights=Rights.VIEWER,
        summary="This document",
        answer=Answer("the document", "application/json"),
    ),
    Route(
        path="/healthz",
        handler=lambda to: to.monitoring.health,
        rights=Rights.PUBLIC,
        summary="Whether the server runs",
        answer=Answer("it runs", "text/plain"),
    ),
    Route(
        path="/metrics",
        handler=lambda to: to.monitoring.metrics,
        rights=Rights.SITE_OWNER,
        summary="Figures of the server and of each open page, for Prometheus",
        answer=Answer("the figures", "text/plain"),
    ),
)
