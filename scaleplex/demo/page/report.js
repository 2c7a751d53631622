// What was seen since the click on Play: window.report, for a program that looks on.
//   report.events   {name: ms since the click, first time only}
//   report.frames   [ms since the click, media time, frame number on the picture or null]
//   report.errors   what the player or the element complained of
//   report.state()  position, buffered ranges, dropped frames, decoded bytes

import { stripReader } from './strip.js';

const EVENTS = ['loadedmetadata', 'loadeddata', 'canplay', 'playing', 'waiting', 'seeking', 'seeked', 'ended'];

export function watch(video, onFrame) {
  const report = { clickedAt: 0, events: {}, frames: [], errors: [], seekedAt: null };
  const since = () => +(performance.now() - report.clickedAt).toFixed(1);
  const mark = name => { if (!(name in report.events)) report.events[name] = since(); };
  report.reset = () => Object.assign(report, { clickedAt: performance.now(), events: {}, frames: [], errors: [], seekedAt: null });
  report.complain = text => report.errors.push(text);
  report.since = since;
  report.state = () => ({
    position: video.currentTime, duration: video.duration, paused: video.paused, readyState: video.readyState,
    width: video.videoWidth, height: video.videoHeight,
    frames: video.getVideoPlaybackQuality().totalVideoFrames, dropped: video.getVideoPlaybackQuality().droppedVideoFrames,
    buffered: Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]),
    audioBytes: video.webkitAudioDecodedByteCount, videoBytes: video.webkitVideoDecodedByteCount,
  });
  for (const name of EVENTS) video.addEventListener(name, () => mark(name));
  video.addEventListener('error', () => report.complain(`video ${video.error.code} ${video.error.message}`));
  const read = stripReader(video);
  const next = () => {
    mark('firstframe');
    const entry = [since(), ...read()];
    report.frames.push(entry);
    onFrame(entry);
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
  return report;
}
