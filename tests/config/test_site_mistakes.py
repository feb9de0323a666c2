"""What is said of a mistake in a site file, and at which place.

Every row is a text, the line and column, and the sentence. A new complaint gets a new row.
"""

# ruff: noqa: E501 - a row of the table is one line
from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config import Problem, SiteError, load_site


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    """All that is wrong with a file of this text."""
    path = folder / "site.yaml"
    path.write_text(text)
    with pytest.raises(SiteError) as caught:
        load_site(path, environment={"EMPTY": ""})
    return caught.value.problems


TOP = "version: 1\nsite: home\n"  # two lines, so that what follows begins on line 3
CAMERA = "cameras:\n  a:\n    source: test\n"  # lines 3 to 5, the keys of the camera go on on 6


HUT = """upstream:
  hut: {delivery: 'tcp://127.0.0.1:6552'}
"""  # lines 3 and 4
TWO = """brokers:
  barn: {}
  house: {ports: {ingest: 5560, fanout: 5561, delivery: 5562}, http: '127.0.0.1:5581'}
"""  # lines 3 to 5


def row(text: str, line: int, column: int, sentence: str) -> object:
    """A file with one mistake."""
    return pytest.param(text, line, column, sentence, id=sentence[:60])


MISTAKES = [
    # the file as a whole
    row("", 1, 1, "the file is empty; a site needs version, site and cameras"),
    row("[a, b]", 1, 1, "a list where a mapping (key: value) is expected"),
    row("porch", 1, 1, "'porch' where a mapping (key: value) is expected"),
    row(TOP + "cameras: {", 3, 10, "not YAML: this { is never closed"),
    # keys
    row("site: home\n" + CAMERA, 1, 1, "version: missing"),
    row("version: 2\nsite: home\n" + CAMERA, 1, 10, "version: '2' is not 1, the only possible value"),
    row(TOP, 1, 1, "cameras: missing"),
    row(TOP + "cameras: {}", 3, 10, "cameras: a site needs at least one camera"),
    row(TOP + "cameras:", 3, 1, "cameras: has no value; give it one or leave the key out"),
    row(TOP + "camera: {}\n" + CAMERA, 3, 1, "camera: unknown key; did you mean 'cameras'?"),
    row(TOP + CAMERA + "    fps: 1\n    fps: 2", 7, 5, "cameras.a.fps: given twice; first on line 6"),
    row(TOP + CAMERA + "    fsp: 1", 6, 5, "cameras.a.fsp: unknown key; did you mean 'fps'?"),
    row(TOP + CAMERA + "    device: x", 6, 5, "cameras.a.device: unknown key; 'device' belongs to source v4l2, this camera is 'test'"),
    row(TOP + CAMERA + "    devise: x", 6, 5, "cameras.a.devise: unknown key; 'device' belongs to source v4l2"),
    row(TOP + CAMERA + "    path: x", 6, 5, "cameras.a.path: unknown key; 'path' belongs to sources file, images"),
    row(TOP + CAMERA + "x_common: 1", 6, 1, "x_common: unknown key"),
    # the source
    row(TOP + "cameras:\n  a: {fps: 5}", 4, 3, "cameras.a.source: missing; it is one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream"),
    row(TOP + "cameras:\n  a: {source: v4l}", 4, 15, "cameras.a.source: 'v4l' is not one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream; did you mean 'v4l2'?"),
    row(TOP + "cameras:\n  a: {source: file}", 4, 3, "cameras.a.path: missing"),
    row(TOP + "cameras:\n  a: {source: file, path: '${EMPTY}'}", 4, 27, "cameras.a.path: '${EMPTY}' is empty, and the key is required"),
    row(TOP + "cameras: [a]", 3, 10, "cameras: a list where a mapping (key: value) is expected"),
    row(TOP + "cameras:\n  a: test", 4, 6, "cameras.a: 'test' where a mapping (key: value) is expected"),
    row(TOP + "cameras:\n  a:", 4, 3, "cameras.a: has no value; give it one or leave the key out"),
    # numbers
    row(TOP + CAMERA + "    fps: fast", 6, 10, "cameras.a.fps: 'fast' is not a number (frames per second, above 0, at most 120)"),
    row(TOP + CAMERA + "    fps: 0", 6, 10, "cameras.a.fps: '0' is out of range (frames per second, above 0, at most 120)"),
    row(TOP + CAMERA + "    fps: .inf", 6, 10, "cameras.a.fps: '.inf' is not a number"),
    row(TOP + CAMERA + "    fps: .nan", 6, 10, "cameras.a.fps: '.nan' is not a number"),
    row(TOP + CAMERA + '    fps: "10"', 6, 10, "cameras.a.fps: '10' is text; write it without quotes"),
    row(TOP + CAMERA + "    fps: yes", 6, 10, "cameras.a.fps: 'yes' is not a number"),
    row(TOP + CAMERA + "    fps: true", 6, 10, "cameras.a.fps: 'true' is not a number"),
    row(TOP + CAMERA + "    fps: [5]", 6, 10, "cameras.a.fps: a list where a number is expected"),
    row(TOP + CAMERA + "    fps: {max: 5}", 6, 10, "cameras.a.fps: a mapping (key: value) where a number is expected"),
    row(TOP + CAMERA + "    quality: 80.5", 6, 14, "cameras.a.quality: '80.5' is not a whole number (at least 1, at most 100)"),
    row(TOP + CAMERA + "    quality: null", 6, 14, "cameras.a.quality: null is not allowed here; leave the key out instead"),
    # units
    row(TOP + CAMERA + "    ring: 64", 6, 11, "cameras.a.ring: '64' has no unit; write 512MB, 200GB or 64MiB"),
    row(TOP + CAMERA + "    ring: [1]", 6, 11, "cameras.a.ring: a list where a mapping (key: value) is expected"),
    row(TOP + CAMERA + "    ring:", 6, 5, "cameras.a.ring: has no value; give it one or leave the key out"),
    row(TOP + CAMERA + "    ring: {dusk: 4GB}", 6, 12, "cameras.a.ring.dusk: unknown key; did you mean 'disk'?"),
    row(TOP + CAMERA + "    ring: {disk: 4GB}", 6, 18, "cameras.a.ring.disk: needs a path: the folder of the ring on the disk"),
    row(TOP + CAMERA + "    ring: {disk: 4kB, path: x}", 6, 18, "cameras.a.ring.disk: '4kB' is out of range (at least 1MB)"),
    row(TOP + CAMERA + "    ring: {path: x}", 6, 18, "cameras.a.ring.path: no effect without disk: how much of it, such as 4GB"),
    row(TOP + "defaults: {ring: {disk: 4GB}}\n" + CAMERA, 3, 25, "defaults.ring.disk: needs a path: the folder of the ring on the disk"),
    row(TOP + "defaults: {stall_after: 0s}\n" + CAMERA, 3, 25, "defaults.stall_after: with 0 the source would never be left open"),
    row(TOP + CAMERA + "    stall_after: 0", 6, 18, "cameras.a.stall_after: with 0 the source would never be left open"),
    row(TOP + CAMERA + "    stall_after: 5", 6, 18, "cameras.a.stall_after: '5' has no unit; write 5s, 10m, 2h or 7d"),
    row(TOP + CAMERA + "    stall_after: 5 seconds", 6, 18, "cameras.a.stall_after: '5 seconds' is not a duration, such as 500ms, 5s, 10m, 2h or 7d; did you mean '5s'?"),
    row(TOP + CAMERA + "    size: 1280×720", 6, 11, "cameras.a.size: '1280×720' is not a picture size, such as 1280x720; did you mean '1280x720'?"),
    row(TOP + CAMERA + "    size: [1280, 720]", 6, 11, "cameras.a.size: a list where one value is expected; did you mean '1280x720'?"),
    row(TOP + CAMERA + "    size: {width: 1, height: 2}", 6, 11, "cameras.a.size: a mapping (key: value) where one value is expected"),
    row(TOP + "broker: {memory: 512mb}\n" + CAMERA, 3, 18, "broker.memory: '512mb' is not an amount of bytes, such as 512MB, 200GB or 64MiB; did you mean '512MB'?"),
    row(TOP + CAMERA + "motion: {m: {min_area: 3}}", 6, 24, "motion.m.min_area: '3' is out of range (at least 0, at most 1)"),
    row(TOP + CAMERA + "motion: {m: {min_area: 300%}}", 6, 24, "motion.m.min_area: '300%' is more than the whole"),
    row(TOP + CAMERA + "recorders: {r: {path: r, segment: 0s}}", 6, 35, "recorders.r.segment: '0s' is out of range (at least 1s, at most 1d)"),
    # texts and choices
    row("version: 1\nsite: My Home\n" + CAMERA, 2, 7, "site: 'My Home' is not allowed (lower-case letters, digits, '-' and '_', at most 64); did you mean 'my-home'?"),
    row(TOP + "cameras:\n  Front Door: {source: test}", 4, 3, "cameras.'Front Door': 'Front Door' is not allowed (lower-case letters, digits, '-' and '_', at most 64); did you mean 'front-door'?"),
    row(TOP + CAMERA + "    host: 5", 6, 11, "cameras.a.host: '5' is not text; put it in quotes"),
    row(TOP + CAMERA + "    host: my pi", 6, 11, "cameras.a.host: 'my pi' is not allowed (a host name or an IP address)"),
    row(TOP + CAMERA + "    rotate: 45", 6, 13, "cameras.a.rotate: '45' is not one of 0, 90, 180, 270"),
    row(TOP + CAMERA + "    flip: vertcal", 6, 11, "cameras.a.flip: 'vertcal' is not one of horizontal, none, vertical; did you mean 'vertical'?"),
    row(TOP + "cameras:\n  a: {source: file, path: v, loop: yes}", 4, 36, "cameras.a.loop: 'yes' is not true or false; did you mean 'true'?"),
    row(TOP + 'cameras:\n  a: {source: file, path: "a\\0b"}', 4, 27, "cameras.a.path: 'a\\x00b' contains a line break or another control character"),
    row(TOP + "cameras:\n  a: {source: file, path: ~/v.avi}", 4, 27, "cameras.a.path: '~/v.avi': '~' is not expanded; write the whole path"),
    row(TOP + "cameras:\n  a: {source: file, path: ''}", 4, 27, "cameras.a.path: must not be empty"),
    row(TOP + "broker: {http: localhost}\n" + CAMERA, 3, 16, "broker.http: 'localhost' is not host:port, such as 127.0.0.1:8080"),
    row(TOP + "cameras:\n  a: {source: rtsp, url: 'http://cam'}", 4, 26, "cameras.a.url: the value is not an address such as rtsp://host/... or rtsps://host/..."),
    # polygons
    row(TOP + CAMERA + "    zones: {z: [[0, 0], [1, 1]]}", 6, 16, "cameras.a.zones.z: a list of 2; at least 3 are needed"),
    row(TOP + CAMERA + "    zones: {z: [[0, 0], [1, 1.5], [1, 0]]}", 6, 29, "cameras.a.zones.z[1][1]: '1.5' is out of range (at least 0, at most 1)"),
    row(TOP + CAMERA + "    zones: {z: [[0, 0], [1, 1, 1], [1, 0]]}", 6, 25, "cameras.a.zones.z[1]: a list of 3 where a list of 2 is expected"),
    row(TOP + CAMERA + "    zones: {z: [[0, 0], [0.5, 0.5], [1, 1]]}", 6, 16, "cameras.a.zones.z: these corners lie on one line and enclose nothing"),
    row(TOP + CAMERA + "    privacy: {p: 3}", 6, 18, "cameras.a.privacy.p: '3' is not a list"),
    # names that refer to each other
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: [b]}}", 6, 36, "recorders.r.cameras[0]: 'b' is not a camera of this site"),
    row(TOP + "cameras: {porch: {source: test}}\nmotion: {m: {cameras: [porhc]}}", 4, 24, "motion.m.cameras[0]: 'porhc' is not a camera of this site; did you mean 'porch'?"),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: ['b*']}}", 6, 36, "recorders.r.cameras[0]: 'b*' matches no camera of this site"),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: a}}", 6, 35, "recorders.r.cameras: 'a' is neither a list nor \"*\"; write [a]"),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: []}}", 6, 35, "recorders.r.cameras: an empty list; name at least one camera"),
    row(TOP + CAMERA + "web: {users: {u: {password: '***', cameras: [b]}}}", 6, 46, "web.users.u.cameras[0]: 'b' is not a camera of this site"),
    row(TOP + CAMERA + "security: {access: {lab: {view: [b]}}}", 6, 34, "security.access.lab.view[0]: 'b' is not a camera of this site"),
    row(TOP + CAMERA + "security: {access: {a: {view: '*'}}}", 6, 21, "security.access.a: is a node of this site"),
    row(TOP + CAMERA + "motion: {m: {zones: {b: [z]}}}", 6, 22, "motion.m.zones.b: is not a camera of this site"),
    row(TOP + CAMERA + "    zones: {z: [[0, 0], [1, 1], [1, 0]]}\n  b: {source: test}\nmotion: {m: {cameras: [b], zones: {a: [z]}}}", 8, 36, "motion.m.zones.a: is not among the cameras of motion.m"),
    row(TOP + CAMERA + "    zones: {drive: [[0, 0], [1, 1], [1, 0]]}\nmotion: {m: {zones: {a: [driv]}}}", 7, 26, "motion.m.zones.a[0]: 'driv' is not a zone of camera 'a' (it has drive); did you mean 'drive'?"),
    row(TOP + CAMERA + "motion: {m: {zones: {a: []}}}", 6, 25, "motion.m.zones.a: an empty list; leave it out for the whole picture"),
    row(TOP + CAMERA + "motion: {m: {start_frames: 5}}", 6, 28, "motion.m.start_frames: more than start_window (3)"),
    row(TOP + CAMERA + "motion: {yard: {}}\nrecorders: {r: {path: r, clips: {from: [yrad]}}}", 7, 41, "recorders.r.clips.from[0]: 'yrad' is not a motion node of this site"),
    row(TOP + CAMERA + "recorders: {r: {path: r, clips: {from: [x], after: 1m, max_length: 30s}}}", 6, 68, "recorders.r.clips.max_length: not longer than `before` and `after` together"),
    row(TOP + CAMERA + "recorders: {r: {path: r, modes: {b: events}}}", 6, 34, "recorders.r.modes.b: 'b' matches no camera that is recorded here"),
    row(TOP + CAMERA + "motion: {a: {}}", 6, 10, "motion.a: the name is already used in cameras on line 4"),
    row(TOP + "cameras:\n  web: {source: test}", 4, 3, "cameras.web: the name 'web' is taken by the web pages"),
    row(TOP + CAMERA + "recorders: {broker: {path: r}}", 6, 13, "recorders.broker: the name 'broker' is taken by the broker"),
    # things that get in each other's way
    row(TOP + "cameras:\n  a: {source: v4l2}\n  b: {source: v4l2, device: /dev/video0}", 5, 29, "cameras.b.device: /dev/video0 is used by camera 'a' (line 4) on the same host already"),
    row(TOP + "cameras:\n  a: {source: picamera2}\n  b: {source: picamera2}", 5, 3, "cameras.b.camera: ribbon cable 0 is used by camera 'a' (line 4)"),
    row(TOP + CAMERA + "recorders: {r: {path: /r}, s: {path: /r/}}", 6, 38, "recorders.s.path: /r/ is used by recorder 'r' (line 6) on the same host already"),
    row(TOP + "broker:\n  ports: {ingest: 5551}\n" + CAMERA, 4, 19, "broker.ports.ingest: port 5551 is already used by broker.ports.fanout"),
    row(TOP + "broker:\n  ports: {fanout: 7000, delivery: 7000}\n" + CAMERA, 4, 35, "broker.ports.delivery: port 7000 is already used by broker.ports.fanout (line 4)"),
    row(TOP + "broker: {http: 'localhost:5550'}\n" + CAMERA, 3, 16, "broker.http: port 5550 is already used by broker.ports.ingest"),
    row(TOP + CAMERA + "web: {listen: '127.0.0.1:5580'}", 6, 15, "web.listen: port 5580 is already used by broker.http"),
    row(TOP + CAMERA + "recorders: {r: {path: r, segment: 10m, keep: {age: 5m}}}", 6, 52, "recorders.r.keep.age: shorter than one segment (10m); they are deleted whole"),
    row(TOP + CAMERA + "recorders: {r: {path: r, keep: {size: 0}}}", 6, 39, "recorders.r.keep.size: with 0 bytes nothing can be recorded"),
    row(TOP + CAMERA + "recorders: {r: {path: r, keep: {cameras: {a: {age: 5s}}}}}", 6, 52, "recorders.r.keep.cameras.a.age: shorter than one segment (1m); they are deleted whole"),
    row(TOP + CAMERA + "recorders: {r: {path: r, keep: {cameras: {b*: {size: 5GB}}}}}", 6, 43, "recorders.r.keep.cameras.'b*': 'b*' matches no camera that is recorded here"),
    row(TOP + CAMERA + "recorders: {r: {path: r, http: '0.0.0.0:8090'}}", 6, 32, "recorders.r.http: '0.0.0.0:8090' listens to the network without security.keys"),
    row(TOP + CAMERA + "security: {keys: k}\nrecorders: {r: {path: r, http: '0.0.0.0:8090'}}", 7, 32, "recorders.r.http: '0.0.0.0:8090' listens to the network without `tls`"),
    row(TOP + CAMERA + "recorders: {r: {path: r, tls: {certificate: c, key: k}}}", 6, 26, "recorders.r.tls: has no effect without `http`"),
    row(TOP + CAMERA + "recorders: {r: {path: r, http: 127.0.0.1:8080}}\nweb: {}", 6, 32, "recorders.r.http: port 8080 is already used by web.listen"),
    row(TOP + CAMERA + "recorders: {r: {path: r, http: 127.0.0.1:8090}}\nweb: {host: 10.0.0.9}\nbroker: {host: 10.0.0.1}\nsecurity: {keys: k}", 6, 32, "recorders.r.http: '127.0.0.1:8090' is reached from 10.0.0.1 only, and the web pages run on 10.0.0.9"),
    row(TOP + CAMERA + "recorders: {r: {path: r, index: /i/index.sqlite}}", 6, 33, "recorders.r.index: '/i/index.sqlite' is the name of a file; name the folder"),
    # no effect
    row(TOP + "cameras:\n  a: {source: v4l2, size: 9248x6944}", 4, 27, "cameras.a.size: 64218112 pixels are more than this site allows (50000000); raise security.limits.pixels"),
    row(TOP + CAMERA + "defaults: {size: 9248x6944}", 6, 18, "defaults.size: 64218112 pixels are more than this site allows"),
    row(TOP + "cameras:\n  a: {source: v4l2, format: mjpg, rotate: 90}", 4, 35, "cameras.a.rotate: no effect: the JPEGs of this camera pass through untouched; with another 'format', or none, it would have one"),
    row(TOP + "cameras:\n  a: {source: v4l2, format: mjpg, privacy: {p: [[0, 0], [1, 1], [1, 0]]}}", 4, 35, "cameras.a.privacy: no effect"),
    row(TOP + "cameras:\n  a: {source: http, url: 'http://c', size: 640x480}", 4, 38, "cameras.a.size: no effect: the JPEGs of this camera pass through untouched; with 'snapshot: true' it would have one"),
    # the network
    row(TOP + "broker: {host: hub.local}\n" + CAMERA, 3, 16, "broker.host: 'hub.local' is reached over the network without security.keys: make keys with 'camfan keys new NAME'"),
    row(TOP + "broker: {http: '0.0.0.0:5580'}\n" + CAMERA, 3, 16, "broker.http: '0.0.0.0:5580' listens to the network without security.keys"),
    row(TOP + CAMERA + "web: {users: {u: {password: x}}}", 6, 29, "web.users.u.password: write the hash of the password; make one with 'camfan password'"),
    row(TOP + CAMERA + "web: {tokens: {t: {token: x}}}", 6, 27, "web.tokens.t.token: write the hash of the token"),
    row(TOP + CAMERA + "web: {proxies: [caddy]}", 6, 17, "web.proxies[0]: 'caddy' is not an IP address or network"),
    row(TOP + CAMERA + "web: {listen: '0.0.0.0:8080'}", 6, 15, "web.listen: '0.0.0.0:8080' listens to the network without web.users: write"),
    row(TOP + "broker: {host: 'hub:5550'}\nsecurity: {insecure: true}\n" + CAMERA, 3, 16, "broker.host: 'hub:5550' contains a port; ports are set in broker.ports"),
    row(TOP + "broker: {host: 0.0.0.0}\nsecurity: {insecure: true}\n" + CAMERA, 3, 16, "broker.host: 0.0.0.0 can be listened on but not connected to"),
    row(TOP + CAMERA + "    host: porch-pi", 6, 11, "cameras.a.host: 'porch-pi' cannot reach the broker at 127.0.0.1; set broker.host"),
    # several brokers
    row(TOP + TWO + "broker: {memory: 1GB}\n" + CAMERA + "    broker: barn", 6, 1, "broker: stands beside `brokers`; a site has one or the other"),
    row(TOP + TWO + CAMERA, 7, 3, "cameras.a.broker: missing; it is one of barn, house"),
    row(TOP + TWO + CAMERA + "    broker: bran", 9, 13, "cameras.a.broker: 'bran' is not a broker of this site; did you mean 'barn'?"),
    row(TOP + CAMERA + "    broker: barn", 6, 13, "cameras.a.broker: 'barn': this site has one broker; several stand in `brokers`"),
    row(TOP + TWO + "defaults: {broker: b}\n" + CAMERA + "    broker: barn", 6, 20, "defaults.broker: 'b' is not a broker of this site"),
    row(TOP + "brokers: {a: {}}\n" + CAMERA, 5, 3, "cameras.a: the name is already used in brokers on line 3"),
    row(TOP + "brokers: {broker: {}}\n" + CAMERA, 3, 11, "brokers.broker: the name 'broker' is taken by the broker"),
    row(TOP + TWO.replace("5581", "5580") + CAMERA + "    broker: barn", 5, 70, "brokers.house.http: port 5580 is already used by brokers.barn.http"),
    row(TOP + TWO + "security: {insecure: true}\n" + CAMERA + "    broker: barn\n    host: pi", 11, 11, "cameras.a.host: 'pi' cannot reach the broker at 127.0.0.1; set brokers.barn.host"),
    row(TOP + TWO.replace("house: {", "house: {host: hub.local, ") + CAMERA + "    broker: barn", 5, 17, "brokers.house.host: 'hub.local' is reached over the network without security.keys"),
    # other sites
    row(TOP + "upstream: {hut: {}}\n" + CAMERA, 3, 12, "upstream.hut.delivery: missing"),
    row(TOP + "upstream: {hut: {delivery: 'hut:5552'}}\n" + CAMERA, 3, 28, "upstream.hut.delivery: 'hut:5552' is not allowed (an address such as tcp://cabin.example:5552)"),
    row(TOP + "upstream: {hut: {delivery: 'tcp://hut:5552'}}\n" + CAMERA, 3, 28, "upstream.hut.delivery: 'tcp://hut:5552' is reached over the network without keys"),
    row(TOP + "upstream: {hut: {delivery: 'tcp://hut:5552', key: k}}\n" + CAMERA, 3, 12, "upstream.hut.server_key: missing; `key` and `server_key` are needed together"),
    row(TOP + HUT + "cameras:\n  a: {source: upstream, from: hat}", 6, 31, "cameras.a.from: 'hat' is not a section of `upstream`; did you mean 'hut'?"),
    row(TOP + HUT + "cameras:\n  a: {source: upstream}", 6, 3, "cameras.a.from: missing"),
    row(TOP + HUT + "cameras:\n  a: {source: upstream, from: hut}\n  b: {source: upstream, from: hut, camera: a}", 7, 3, "cameras.b: this camera is already taken, as 'a'"),
    row(TOP + HUT + "cameras:\n  a: {source: upstream, from: hut, ring: {memory: 1MB}}", 6, 36, "cameras.a.ring: no effect: the broker itself takes this camera from another site"),
    # what beginners write: YAML
    row(TOP + CAMERA + "      fps: 5", 6, 1, "not YAML: indented by 6 spaces, but line 5 has a value already; indent it by 4 spaces"),
    row(TOP + CAMERA + "   fps: 5", 6, 4, "not YAML: the indentation does not match the lines above: 3 spaces instead of 0, 2, 4"),
    row("version: 1\n site: home\n" + CAMERA, 2, 1, "not YAML: indented by 1 space, but line 1 has a value"),
    row(TOP + "cameras:\n  a:\n    source: rtsp\n    url: \"rtsp://h/1\n    fps: 5\n  b:\n    source: test", 6, 10, "not YAML: a quote is never closed"),
    row(TOP + "cameras:\n  a: {source: file, path: 'v}\n  b: {source: file, path: 'w'}", 4, 27, "not YAML: a quote is never closed"),
    row("version: 1\nsite:home\n" + CAMERA, 2, 1, "not YAML: a space is missing after 'site:'"),
    row("version:1\nsite: home\n" + CAMERA, 1, 1, "not YAML: a space is missing after 'version:'"),
    row(TOP + CAMERA + "    fps:5", 6, 5, "not YAML: a space is missing after 'fps:'"),
    row(TOP + "cameras:\n  a: {source: test, fps:5}", 4, 21, "cameras.a.fps: unknown key; a space is missing after the ':'"),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: *}}", 6, 35, "not YAML: a text that begins with '*' must be in quotes; all cameras are \"*\""),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: [*-door]}}", 6, 36, "the alias *-door has no finished anchor &-door before it; a text that begins with '*' must be in quotes"),
    row(TOP + CAMERA + "    host: &pi", 6, 11, "cameras.a.host: a text that begins with '&' must be in quotes"),
    row(TOP + CAMERA + "    host: @pi", 6, 11, "not YAML: a text that begins with '@' must be in quotes"),
    row(TOP + "cameras: {a: {source: test}}}", 3, 29, "not YAML: this } closes nothing; remove it"),
    row(TOP + "cameras:\n  a:\n\u00a0\u00a0\u00a0\u00a0source: test", 5, 1, "a no-break space (U+00A0); replace it by an ordinary space"),
    row(TOP + CAMERA + "    fps:\u00a05", 6, 9, "a no-break space (U+00A0)"),
    row(TOP + CAMERA + "    fps: 5\u202f", 6, 11, "not an ordinary space (U+202F)"),
    row(TOP + CAMERA + "    fps\uff1a5", 6, 8, "a full-width colon (U+FF1A); write ': '"),
    row(TOP + "cameras:\n\ta:\n\t\tsource: test", 4, 1, "not YAML: a tab cannot indent YAML; use spaces"),
    row(TOP + "cameras:\n  a:\n    source: \u201ctest\u201d", 5, 13, "cameras.a.source: '\u201ctest\u201d': typographic quotes are part of the text for YAML; use \" or '"),
    row("version = 1\nsite = home", 1, 1, "'version = 1 site = home' where a mapping (key: value) is expected; write 'key: value', not 'key = value'"),
    # what beginners write: other words
    row(TOP + CAMERA + "    resolution: 640x480", 6, 5, "cameras.a.resolution: unknown key; did you mean 'size'?"),
    row(TOP + CAMERA + "    frame_rate: 5", 6, 5, "cameras.a.frame_rate: unknown key; did you mean 'fps'?"),
    row(TOP + CAMERA + "    rate: 5", 6, 5, "cameras.a.rate: unknown key; did you mean 'fps'?"),
    row(TOP + CAMERA + "    width: 640", 6, 5, "cameras.a.width: unknown key; width and height are written together, as 'size: 640x480'"),
    row(TOP + CAMERA + "    mirror: true", 6, 5, "cameras.a.mirror: unknown key; did you mean 'flip'?"),
    row(TOP + CAMERA + "    enabled: false", 6, 5, "cameras.a.enabled: unknown key; to switch a camera off, put '#' before its lines"),
    row(TOP + "cameras:\n  a: {source: usb}", 4, 15, "cameras.a.source: 'usb' is not one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream; did you mean 'v4l2'?"),
    row(TOP + "cameras:\n  a: {source: IP-Cam}", 4, 15, "cameras.a.source: 'IP-Cam' is not one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream; did you mean 'rtsp'?"),
    row(TOP + "cameras:\n  a: {type: test}", 4, 7, "cameras.a.type: unknown key; did you mean 'source'?"),
    row(TOP + "cameras:\n  a: {source: rtsp, ip: 192.0.2.4}", 4, 21, "cameras.a.ip: unknown key; did you mean 'url'?"),
    row(TOP + "cameras:\n  a: {source: rtsp, url: 'rtsp://h/1', username: me}", 4, 40, "cameras.a.username: unknown key; the login is part of the url: //USER:${PASSWORD}@host/..."),
    row(TOP + "cameras:\n  a: 'rtsp://h/1'", 4, 6, "cameras.a: 'rtsp://h/1' where a mapping (key: value) is expected; write {source: rtsp, url: ...}"),
    row(TOP + "cameras:\n  a: {source: /dev/video0}", 4, 15, "cameras.a.source: '/dev/video0' is not one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream; this belongs to 'device', beside 'source'"),
    row(TOP + "cams:\n  a: {source: test}", 3, 1, "cams: unknown key; did you mean 'cameras'?"),
    row(TOP + "cameras:\n  - {name: a, source: test}", 4, 3, "cameras: a list where a mapping (key: value) is expected; write NAME: and its keys indented below it, without '-'"),
    row(TOP + "broker: {port: 5550}\n" + CAMERA, 3, 10, "broker.port: unknown key; did you mean 'ports'?"),
    row(TOP + "broker: hub.local\n" + CAMERA, 3, 9, "broker: 'hub.local' where a mapping (key: value) is expected; write {host: hub.local}"),
    row(TOP + CAMERA + "web: true", 6, 6, "web: 'true' where a mapping (key: value) is expected; write {} for one with all defaults"),
    row(TOP + CAMERA + "web: {listen: 8080}", 6, 15, "web.listen: '8080' is not host:port, such as 127.0.0.1:8080; did you mean '127.0.0.1:8080'?"),
    row(TOP + CAMERA + "recorders: {path: /srv}", 6, 13, "recorders.path: 'path' is a key of one of recorders; each of them has a name"),
    row(TOP + CAMERA + "recorders: {r: {path: r, keep: 7d}}", 6, 32, "recorders.r.keep: '7d' where a mapping (key: value) is expected; write {age: 7d}"),
    row(TOP + CAMERA + "motion: {try: {}}", 6, 10, "motion.try: the name 'try' is taken by `camfan motion try`"),
    # what beginners write: values
    row(TOP + CAMERA + "    size: 720p", 6, 11, "cameras.a.size: '720p' is not a picture size, such as 1280x720; did you mean '1280x720'?"),
    row(TOP + CAMERA + "    fps: 15fps", 6, 10, "cameras.a.fps: '15fps' is not a number (frames per second, above 0, at most 120); did you mean '15'?"),
    row(TOP + CAMERA + "    fps: 7,5", 6, 10, "cameras.a.fps: '7,5' is not a number (frames per second, above 0, at most 120); did you mean '7.5'?"),
    row(TOP + CAMERA + "    fps: 5# five", 6, 10, "cameras.a.fps: '5# five' is not a number (frames per second, above 0, at most 120); a comment needs a space before its '#'"),
    row(TOP + CAMERA + "    quality: 80%", 6, 14, "cameras.a.quality: '80%' is not a whole number (at least 1, at most 100); did you mean '80'?"),
    row(TOP + CAMERA + "    rotate: -90", 6, 13, "cameras.a.rotate: '-90' is not one of 0, 90, 180, 270; did you mean '270'?"),
    row(TOP + "cameras:\n  a: {source: v4l2, device: 0}", 4, 29, "cameras.a.device: '0' is not a device; did you mean '/dev/video0'?"),
    row(TOP + "cameras:\n  a: {source: v4l2, device: video1}", 4, 29, "cameras.a.device: 'video1' is not a path such as /dev/video0; see `camfan cameras`; did you mean '/dev/video1'?"),
    row(TOP + CAMERA + "    zones: {z: [[100, 200], [300, 200], [300, 400]]}", 6, 17, "cameras.a.zones.z[0]: corners are not in pixels but from 0 to 1, from the top left: divide x by the width"),
    row(TOP + CAMERA + "    zones: {z: [0, 0, 0.5, 1]}", 6, 17, "cameras.a.zones.z[0]: each corner is a pair"),
    row(TOP + "cameras:\n  Ärger: {source: test}", 4, 3, "cameras.'Ärger': 'Ärger' is not allowed (lower-case letters, digits, '-' and '_', at most 64); did you mean 'aerger'?"),
    row(TOP + "cameras:\n  门2: {source: test}", 4, 3, "cameras.'门2': '门2' is not allowed (lower-case letters, digits, '-' and '_', at most 64)"),
    row("version: 1\nsite: Straße\n" + CAMERA, 2, 7, "site: 'Straße' is not allowed (lower-case letters, digits, '-' and '_', at most 64); did you mean 'strasse'?"),
    # what beginners write: shapes
    row(TOP + "cameras:\n  source: rtsp\n  url: rtsp://h/1", 4, 3, "cameras.source: 'source' is a key of one of cameras; each of them has a name"),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: all}}", 6, 35, "recorders.r.cameras: 'all' is neither a list nor \"*\"; all are \"*\""),
    row(TOP + CAMERA + "recorders: {r: {path: r, cameras: a b}}", 6, 35, "recorders.r.cameras: 'a b' is neither a list nor \"*\"; write [a, b]"),
    row(TOP + CAMERA + "broker: {ports: [5550, 5551]}", 6, 17, "broker.ports: a list where a mapping (key: value) is expected; its keys are ingest, fanout, delivery"),
    row(TOP + CAMERA + "web: 8080", 6, 6, "web: '8080' where a mapping (key: value) is expected; write {listen: 127.0.0.1:8080}"),
    row(TOP + CAMERA + "    zones: {z: '[[0, 0], [1, 0], [1, 1]]'}", 6, 16, "cameras.a.zones.z: '[[0, 0], [1, 0], [1, 1]]' is not a list; write it without quotes"),
    row(TOP + CAMERA + "    zones: {z: [{x: 0, y: 0}, {x: 1, y: 0}, {x: 1, y: 1}]}", 6, 17, "cameras.a.zones.z[0]: each corner is a pair"),
    row(TOP + CAMERA + "    zones: {z: [[10%, 0], [1, 0], [1, 1]]}", 6, 18, "cameras.a.zones.z[0][0]: '10%' is not a number (at least 0, at most 1); did you mean '0.1'?"),
    # what beginners write: more words and values
    row("version: '1'\nsite: home\n" + CAMERA, 1, 10, "version: '1' is text; write it without quotes"),
    row(TOP + CAMERA + "    name: Porch", 6, 5, "cameras.a.name: unknown key; the name of a camera is the key"),
    row(TOP + CAMERA + "    record: true", 6, 5, "cameras.a.record: unknown key; recordings are configured in 'recorders'"),
    row(TOP + CAMERA + "    timeout: 5s", 6, 5, "cameras.a.timeout: unknown key; did you mean 'stall_after'?"),
    row(TOP + CAMERA + "    // fps: 5", 6, 5, "cameras.a.'// fps': unknown key; a comment begins with '#'"),
    row(TOP + "cameras:\n  a: {source: http, url: 'http://h', auth: digest}", 4, 38, "cameras.a.auth: unknown key; the login is part of the url"),
    row(TOP + CAMERA + "viewers: {}", 6, 1, "viewers: unknown key; a viewer needs no entry here"),
    row(TOP + CAMERA + "defaults: {source: test}", 6, 12, "defaults.source: unknown key; each camera has a source of its own"),
    row(TOP + CAMERA + "motion: {m: {min_area: 0,3%}}", 6, 26, "motion.m.'3%': unknown key; in a number write '.' and not ','"),
    row(TOP + CAMERA + "    rotate: 90deg", 6, 13, "cameras.a.rotate: '90deg' is not one of 0, 90, 180, 270; did you mean '90'?"),
    row(TOP + CAMERA + "    size: 1280x720px", 6, 11, "cameras.a.size: '1280x720px' is not a picture size, such as 1280x720; did you mean '1280x720'?"),
    row(TOP + CAMERA + "    fps: 1/5", 6, 10, "cameras.a.fps: '1/5' is not a rate, such as 10, 0.5, or 1/10s for one in 10 seconds; did you mean '1/5s'?"),
    row(TOP + CAMERA + "    fps: 5,", 6, 10, "cameras.a.fps: '5,' is not a number (frames per second, above 0, at most 120); did you mean '5'?"),
    row(TOP + CAMERA + "    quality: 0.8", 6, 14, "cameras.a.quality: '0.8' is not a whole number (at least 1, at most 100); did you mean '80'?"),
    row(TOP + CAMERA + "    stall_after: 1h30m", 6, 18, "cameras.a.stall_after: '1h30m' is not a duration, such as 500ms, 5s, 10m, 2h or 7d; did you mean '90m'?"),
    row(TOP + CAMERA + "recorders: {r: {path: r, keep: {age: 1w}}}", 6, 38, "recorders.r.keep.age: '1w' is not a duration, such as 500ms, 5s, 10m, 2h or 7d; did you mean '7d'?"),
    row(TOP + CAMERA + "    host: http://hub:80/", 6, 11, "cameras.a.host: 'http://hub:80/' is not allowed (a host name or an IP address); did you mean 'hub'?"),
    row(TOP + CAMERA + "    host: hub.local:5550", 6, 11, "cameras.a.host: 'hub.local:5550' holds a port; name the machine alone"),
    row(TOP + CAMERA + "broker: {http: off}", 6, 16, "broker.http: 'off' is not host:port, such as 127.0.0.1:8080; write null for none"),
    row(TOP + CAMERA + "web: {listen: '*:8080'}", 6, 15, "web.listen: '*:8080' is not host:port, such as 127.0.0.1:8080; did you mean '0.0.0.0:8080'?"),
    row(TOP + CAMERA + "security: {keys: true}", 6, 18, "security.keys: 'true' is not a path"),
    row(TOP + "cameras:\n  a: {source: file, path: 'file:///v.avi'}", 4, 27, "cameras.a.path: 'file:///v.avi' is an address; a path is expected; did you mean '/v.avi'?"),
    row(TOP + "cameras:\n  a: {source: clip.mp4}", 4, 15, "cameras.a.source: 'clip.mp4' is not one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream; this belongs to 'path', beside 'source: file'"),
    row(TOP + "cameras:\n  a: {source: 0}", 4, 15, "cameras.a.source: '0' is not one of test, file, images, v4l2, picamera2, rtsp, http, custom, upstream; write 'source: v4l2' and 'device: /dev/video0'"),
    row(TOP + "cameras:\n  a: {source: rtsp, url: 'rtsp://h:99999/1'}", 4, 26, "cameras.a.url: the value is not an address such as rtsp://host/... or rtsps://host/...; a port is a number from 1 to 65535"),
    # what beginners write: punctuation
    row(TOP + "cameras\n  a:\n    source: test", 3, 1, "not YAML: a ':' is missing after 'cameras'"),
    row(TOP + "cameras:\n  a\n\n    # the porch\n    source: test", 4, 3, "not YAML: a ':' is missing after 'a'"),
    row(TOP + CAMERA + "    title: 'Tom's yard'", 6, 16, "not YAML: the text ends at this '; within '...' it is written ''"),
    row(TOP + 'cameras: {a: {source: test, title: "a 5" lens"}}', 3, 40, 'not YAML: the text ends at this "; within "..." it is written \\"'),
    row(TOP + CAMERA + "    title: - yard", 6, 12, "not YAML: a text that begins with '- ' must be in quotes"),
    row(TOP + "cameras:\n  a: {source: test fps: 5}", 4, 23, "not YAML: a ',' is missing before this, or the { of line 4 is not closed before this"),
    row(TOP + "cameras:\n  a: {source: test, fps: 5\n  b: {source: test}", 5, 4, "not YAML: the { of line 4 is not closed before this"),
    row(" version: 1\nsite: home\n" + CAMERA, 1, 1, "not YAML: line 2 is not indented, so this may not be indented either"),
    row(TOP + CAMERA + "    fps 5", 6, 5, "not YAML: write 'key: value'"),
    row(TOP + CAMERA + "    fps = 5\n", 6, 5, "not YAML: write 'key: value', not 'key = value'"),
    row(TOP + CAMERA + "    fps\nweb: {}", 6, 5, "not YAML: a ':' is missing after 'fps'"),
    row(TOP + CAMERA + '    "fps: 5\n', 6, 5, "not YAML: a quote is never closed"),
    row(TOP + CAMERA + "    title: 'it''s\n", 6, 12, "not YAML: a quote is never closed"),
    row(TOP + CAMERA + '    title: "Yard" front\n', 6, 19, "not YAML: a value was complete before this"),
    row(TOP + "cameras: {a: {source: test}};", 3, 29, "not YAML: a value was complete before this"),
    row(TOP + "cameras: }", 3, 10, "not YAML: this } closes nothing; remove it"),
    row(TOP + CAMERA + "    title: > x", 6, 14, "not YAML: a text that begins with '>' or '|' must be in quotes"),
    row(TOP + CAMERA + "    title: |x", 6, 13, "not YAML: a text that begins with '>' or '|' must be in quotes"),
    row(TOP + "<<<<<<< HEAD\n" + CAMERA + "=======\n>>>>>>> main", 3, 1, "a conflict marker of a merge"),
    row(TOP + "cameras: {a: test}", 3, 14, "cameras.a: 'test' where a mapping (key: value) is expected; write {source: test}"),
    row(TOP + CAMERA + "web: {listen: 127.0.0.1}", 6, 15, "web.listen: '127.0.0.1' is not host:port, such as 127.0.0.1:8080; did you mean '127.0.0.1:8080'?"),
    row(TOP + CAMERA + "    fps: 1 per 10s", 6, 10, "cameras.a.fps: '1 per 10s' is not a number (frames per second, above 0, at most 120)"),
    row("[site]\nname=home", 2, 1, "not YAML: the file was complete before this"),
    # YAML that is not a site
    row(TOP + CAMERA + "    fps: !int 5", 6, 10, "cameras.a.fps: the tag '!int' has no meaning here"),
    row(TOP + "x-a: &a {fps: 1}\ncameras:\n  a: {source: test, <<: *a}", 5, 21, "cameras.a.'<<': merge keys"),
    row(TOP + CAMERA + "    fps: ${FPS}", 6, 10, "cameras.a.fps: FPS is not set in the environment, $CREDENTIALS_DIRECTORY or secrets.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "sentence"), MISTAKES)
def test_a_mistake_is_named_at_its_place(
    tmp_path: Path, text: str, line: int, column: int, sentence: str
) -> None:
    """One mistake gives one problem, at the offending text, in words that say what to do."""
    found = problems(tmp_path, text)

    assert [problem.sentence for problem in found] == [found[0].sentence]
    assert found[0].sentence.startswith(sentence)
    assert (found[0].line, found[0].column) == (line, column)


@pytest.mark.parametrize(
    "text",
    [
        (TOP + CAMERA + "    fps: 5").replace("\n", "\r\n"),
        "\ufeff" + TOP + CAMERA + "    fps: 5",
        TOP + CAMERA + "    fps: 5\t",
        TOP + CAMERA + "    fps: 5\t# five",
        TOP + CAMERA + "    fps:\t5",
        TOP + CAMERA + "\t\n    fps: 5",
        TOP + "cameras: {a: {source: test,\tfps:\t5\t}\t}",
    ],
    ids=["crlf", "bom", "tab behind", "tab before a comment", "tab before", "tab alone", "in flow"],
)
def test_what_is_legal_is_taken(tmp_path: Path, text: str) -> None:
    """Line ends of Windows, a byte-order mark, and tabs that only separate."""
    path = tmp_path / "site.yaml"
    path.write_bytes(text.encode())

    assert load_site(path, environment={}).cameras["a"].fps == 5


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("&hunter2", "secrets.yaml is not usable, line 2: this is not a text"),
        ("#hunter2", "secrets.yaml is not usable, line 2: there is no value"),
        ("!hunter2", "secrets.yaml is not usable, line 2"),
        ("*hunter2", "secrets.yaml is not YAML (line 2); put values in quotes"),
        ("[hunter2]", "secrets.yaml is not usable, line 2: a list or mapping is not a secret"),
        ("@hunter2", "secrets.yaml is not YAML (line 2); put values in quotes"),
        ("", "secrets.yaml is not usable, line 2: there is no value"),
    ],
)
def test_a_secret_that_yaml_takes_for_something_else(
    tmp_path: Path, value: str, complaint: str
) -> None:
    """It is named by its line, and neither empty nor shown."""
    (tmp_path / "secrets.yaml").write_text(f"OTHER: a\nPW: {value}\n")
    text = TOP + "cameras: {a: {source: rtsp, url: 'rtsp://u:${PW}@h/1'}}"

    found = problems(tmp_path, text)

    assert complaint in found[0].sentence
    assert "hunter2" not in f"{SiteError(found)}"


@pytest.mark.parametrize(
    "text",
    [
        "cameras:\n  a:\n    source: rtsp\n    url:rtsp://u:hunter2@h/1\n    fps: 5",
        "web:\n  users:\n    me:\n      password:hunter2\n      role: viewer",
        "web:\n  users:\n    me:\n      password: 'hunter2\n      role: viewer",
        "web:\n  users:\n    me:\n      password: \u201chunter2\u201d",
        "web:\n  users:\n    me:\n      password: hunter2# secret",
        "web:\n  users: {me: {password:hunter2}}",
    ],
)
def test_a_hint_does_not_show_a_password(tmp_path: Path, text: str) -> None:
    """Whatever is wrong around it."""
    found = problems(tmp_path, TOP + text)
    assert "hunter2" not in "".join(problem.sentence for problem in found)


def test_ten_mistakes_give_ten_messages(tmp_path: Path) -> None:
    """All of them at once, in the order of the file, each where it is."""
    text = """version: 1
site: home
broker:
  memory: 512
defaults:
  size: 1280*720
cameras:
  porch:
    source: v4l2
    devise: /dev/video0
    fps: fast
    quality: 500
  gate:
    source: file
  yard:
    source: webcam
recorders:
  archive:
    path: /srv
    cameras: [proch]
    keep: {age: 1 week}
motion:
  watch:
    zones: {porch: [drive]}
"""
    found = problems(tmp_path, text)

    assert [(p.line, p.column, p.key) for p in found] == [
        (4, 11, "broker.memory"),
        (6, 9, "defaults.size"),
        (10, 5, "cameras.porch.devise"),
        (11, 10, "cameras.porch.fps"),
        (12, 14, "cameras.porch.quality"),
        (13, 3, "cameras.gate.path"),
        (16, 13, "cameras.yard.source"),
        (20, 15, "recorders.archive.cameras[0]"),
        (21, 17, "recorders.archive.keep.age"),
        (24, 21, "motion.watch.zones.porch[0]"),
    ]


def test_the_report_is_made_for_people(tmp_path: Path) -> None:
    """Place, key, complaint; the line; the mistake underlined; how many there are."""
    path = tmp_path / "site.yaml"
    path.write_text(TOP + CAMERA + "    fps: fast\n    fsp: 5 # frames\n")

    with pytest.raises(SiteError) as caught:
        load_site(path)

    assert str(caught.value).replace(str(tmp_path) + "/", "") == (
        "site.yaml:6:10  cameras.a.fps: 'fast' is not a number "
        "(frames per second, above 0, at most 120)\n"
        "     6 |     fps: fast\n"
        "       |          ^^^^\n"
        "site.yaml:7:5  cameras.a.fsp: unknown key; did you mean 'fps'?\n"
        "     7 |     fsp: 5 # frames\n"
        "       |     ^^^\n"
        "2 errors. Nothing was started."
    )


def test_one_wrong_value_is_not_blamed_on_others(tmp_path: Path) -> None:
    """What refers to a camera with a mistake is not a second mistake."""
    found = problems(
        tmp_path,
        TOP
        + """
cameras:
  a: {source: v4l, zones: {z: [[0, 0], [1, 1]]}}
  b:
recorders: {r: {path: r, cameras: [a, b]}}
motion: {m: {cameras: [a, b], zones: {a: [z]}}}
""",
    )
    assert [problem.key for problem in found] == [
        "cameras.a.source",
        "cameras.a.zones.z",
        "cameras.b",
    ]


def test_a_hopeless_file_is_given_up_on(tmp_path: Path) -> None:
    """A hundred mistakes are enough to know that it is the wrong file."""
    found = problems(tmp_path, "\n".join(f"k{n}: 1" for n in range(10_000)))
    assert len(found) == 100


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "missing.yaml",
            "cannot be read: No such file or directory; `camfan init` writes a first site file",
        ),
        (".", "cannot be read: Is a directory"),
        ("a\0b", "is not a valid file name"),
    ],
)
def test_a_missing_file_is_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    """Without a line, since there is none."""
    with pytest.raises(SiteError) as caught:
        load_site(f"{tmp_path}/{name}")
    (problem,) = caught.value.problems
    assert (problem.message, problem.line) == (sentence, 0)


@pytest.mark.parametrize(
    "text",
    [
        "cameras: {a: {source: rtsp, url: 'http://u:hunter2@cam', fsp: 5}}",
        "cameras: {a: {source: rtsp, ulr: 'rtsp://u:hunter2@cam'}}",
        "cameras: {a: {source: test}}\nweb: {users: {me: {password: hunter2, rol: viewer}}}",
        "cameras: {a: {source: test}}\nweb: {users: {me: {pasword: hunter2}}}",
        "cameras: {a: {source: test}}\nweb: {users: {me: {password: [hunter2]}}}",
        "cameras: {a: {source: rtsp, url: 'rtsp://u:hunter2@cam', x: : }}",
        "cameras: {a: 'rtsp://u:hunter2@cam'}",
        "cameras: 'rtsp://u:hunter2@cam'",
        "cameras: {a: {source: 'rtsp://u:hunter2@cam'}}",
        "cameras:\n  rtsp://u:hunter2@cam/1",
        "cameras: {'rtsp://u:hunter2@cam': {source: test}}",
        "cameras: {a: {source: file, path: 'smb://u:hunter2@nas/a'}}",
        "cameras: {a: {source: test}}\nrecorders: {r: 'smb://u:hunter2@nas/a'}",
        "cameras: {a: {source: test}}\nrecorders: {r: 'smb://u:hun ter2 hunter2@nas/a'}",
        "cameras: {a: {source: test}}\nweb: {users: {me: hunter2}}",
        "cameras: {a: {source: test}}\nweb: {users: hunter2}",
        "cameras: {a: {source: test}}\nweb: {users: [hunter2]}",
        "cameras: {a: {source: test}}\nweb: {users: {me: [hunter2]}}",
        "cameras: {a: {source: test}}\nweb: {tokens: {t: hunter2}}",
        "cameras: {a: {source: test}}\nweb: {tokens: hunter2}",
    ],
)
def test_a_password_in_the_file_is_not_repeated(tmp_path: Path, text: str) -> None:
    """Neither in a message nor in the quoted line, whatever else is wrong there."""
    found = problems(tmp_path, TOP + text)
    assert "hunter2" not in f"{SiteError(found)} {found!r}"
