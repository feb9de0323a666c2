"""The tables of an index, and what an older version lacks of them."""

from __future__ import annotations

_STATES = "'open', 'closed', 'salvaged', 'deleting'"
SEGMENT_COLUMNS_OF_2 = (
    "form TEXT NOT NULL DEFAULT 'original' CHECK (form IN ('original', 'thinned', 'h264'))",
    "clock TEXT NOT NULL DEFAULT 'set' CHECK (clock IN ('set', 'unset'))",
    "kept INTEGER NOT NULL DEFAULT 0",
    "shift_ns INTEGER NOT NULL DEFAULT 0",
)
_TABLES_OF_1 = """
CREATE TABLE runs (           -- in the order in which they were first seen
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    UNIQUE (camera, run)
) STRICT;
CREATE TABLE segments (       -- one file: one camera, one run, one picture size
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({states})),
    start_ns INTEGER NOT NULL, -- site time of the first frame
    end_ns INTEGER,            -- and of the last
    first INTEGER,             -- sequences
    last INTEGER,
    bytes INTEGER NOT NULL,
    synced_bytes INTEGER NOT NULL -- of these, surely on the disk
{columns}) STRICT;
CREATE INDEX segments_by_time ON segments (camera, start_ns);
CREATE INDEX segments_by_run ON segments (camera, run, last);
CREATE INDEX segments_open ON segments (id) WHERE state = 'open';
CREATE TABLE frames (
    segment INTEGER NOT NULL REFERENCES segments (id),
    sequence INTEGER NOT NULL,
    captured_ns INTEGER{captured}, -- the camera's wall clock, as it came
    time_ns INTEGER NOT NULL,     -- site time
    "offset" INTEGER NOT NULL,    -- of the JPEG in the file
    size INTEGER NOT NULL,        -- of the JPEG
    PRIMARY KEY (segment, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE gaps (           -- what will not come, as it was reported; see frames for late ones
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER,             -- null: how many is not known
    reason TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    UNIQUE (camera, run, first)
) STRICT;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL,      -- the same from start to end
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    camera TEXT,
    state TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    details TEXT NOT NULL     -- JSON
) STRICT;
CREATE INDEX events_by_time ON events (time_ns);
"""
SCHEMA_1 = _TABLES_OF_1.format(
    states="'open', 'closed', 'salvaged'", columns="", captured=" NOT NULL"
)
ADDED_IN_2 = """
CREATE INDEX segments_deleting ON segments (id) WHERE state = 'deleting';
CREATE INDEX segments_ordinary ON segments (camera, start_ns)
    WHERE kept = 0 AND state IN ('closed', 'salvaged');
CREATE INDEX segments_kept ON segments (camera, start_ns) WHERE kept = 1;
CREATE TABLE skips (          -- frames that came and were not kept, as the mode says
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,    -- frames of this stretch may be recorded all the same
    mode TEXT NOT NULL CHECK (mode IN ('events', 'activity')),
    UNIQUE (camera, run, first)
) STRICT;
CREATE TABLE clips (          -- intervals around events; the frames are those of the segments
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    event TEXT NOT NULL,      -- the first of its events
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_ns INTEGER NOT NULL, -- with the time before and after the event
    end_ns INTEGER NOT NULL,
    event_start_ns INTEGER NOT NULL,
    event_end_ns INTEGER,     -- null while the event lasts
    peak_ns INTEGER NOT NULL,
    thumbnail TEXT,           -- path of a JPEG below the recorder's folder
    name TEXT                 -- of a manual recording
) STRICT;
CREATE INDEX clips_by_time ON clips (camera, start_ns);
CREATE INDEX clips_by_end ON clips (end_ns);
CREATE TABLE protected (      -- intervals that are never deleted
    id INTEGER PRIMARY KEY,
    camera TEXT,              -- null: all cameras
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    note TEXT NOT NULL,
    made_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE usage (          -- sums of the segments, kept by the triggers
    camera TEXT PRIMARY KEY,
    segments INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO usage SELECT camera, count(*), sum(bytes) FROM segments GROUP BY camera;
CREATE TRIGGER segment_added AFTER INSERT ON segments BEGIN
    INSERT INTO usage VALUES (NEW.camera, 1, NEW.bytes) ON CONFLICT (camera)
        DO UPDATE SET segments = segments + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER segment_grown AFTER UPDATE OF bytes ON segments WHEN OLD.bytes <> NEW.bytes BEGIN
    UPDATE usage SET bytes = bytes + NEW.bytes - OLD.bytes WHERE camera = NEW.camera;
END;
CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN
    UPDATE usage SET segments = segments - 1, bytes = bytes - OLD.bytes WHERE camera = OLD.camera;
    DELETE FROM usage WHERE camera = OLD.camera AND segments = 0;
END;
CREATE TRIGGER clip_removed AFTER DELETE ON clips BEGIN
    UPDATE segments SET kept = 0 WHERE camera = OLD.camera AND kept = 1 AND end_ns >= OLD.start_ns
        AND start_ns BETWEEN OLD.start_ns - 86400000000000 AND OLD.end_ns;
END;
CREATE TRIGGER protection_removed AFTER DELETE ON protected BEGIN
    UPDATE segments SET kept = 0 WHERE kept = 1 AND end_ns >= OLD.start_ns
        AND start_ns BETWEEN OLD.start_ns - 86400000000000 AND OLD.end_ns
        AND camera IN (SELECT camera FROM usage WHERE OLD.camera IS NULL OR camera = OLD.camera);
END;
"""
SCHEMA = (
    _TABLES_OF_1.format(
        states=_STATES,
        columns="".join(f"    , {column}\n" for column in SEGMENT_COLUMNS_OF_2),
        captured="",
    )
    + ADDED_IN_2
)
EDITS_OF_2 = (  # of the text of tables: a constraint that is relaxed leaves the rows as they are
    ("segments", "'open', 'closed', 'salvaged'", _STATES),
    ("frames", "captured_ns INTEGER NOT NULL", "captured_ns INTEGER"),
)
# What a reader of an index of version 1 sees in place of the tables that it lacks
VIEWS_ON_1 = """
CREATE TEMP VIEW segments AS
    SELECT *, 'original' AS form, 'set' AS clock, 0 AS kept, 0 AS shift_ns FROM main.segments;
CREATE TEMP VIEW usage AS
    SELECT camera, count(*) AS segments, sum(bytes) AS bytes FROM main.segments GROUP BY camera;
CREATE TEMP TABLE skips (id, camera, run, first, last, mode);
CREATE TEMP TABLE clips (id, camera, event, source, kind, start_ns, end_ns, event_start_ns,
    event_end_ns, peak_ns, thumbnail, name);
CREATE TEMP TABLE protected (id, camera, start_ns, end_ns, note, made_ns);
"""
