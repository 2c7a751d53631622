// The page: choose a clip, play it through the stand-in, see which worker does the work.

import { players } from './players.js';
import { watch } from './report.js';

const $ = id => document.getElementById(id);
const video = $('video'), UNIVERSAL = '/video/:/transcode/universal/';
const state = { items: [], chosen: null, session: null, release: null };
const report = window.report = watch(video, showFrame);

// Plex Web's ids are 24 characters of base 36, those of apps are UUIDs.
const base36 = () => Array.from(crypto.getRandomValues(new Uint8Array(24)), byte => (byte % 36).toString(36)).join('');
const newSession = protocol => protocol === 'dash' ? base36() : crypto.randomUUID();

function parameters(protocol, offset) {
  return new URLSearchParams({
    hasMDE: 1, path: state.chosen.key, mediaIndex: 0, partIndex: 0, protocol, fastSeek: 1, directPlay: 0, directStream: 0,
    directStreamAudio: 0, videoQualityName: $('quality').value, audioStreamIndex: $('audio').value, subtitles: 'none',
    offset, session: state.session, 'X-Plex-Product': 'Plex Web', 'X-Plex-Platform': 'Chrome', 'X-Plex-Incomplete-Segments': 1,
  });
}

async function play(offset = 0) {
  const protocol = $('protocol').value;
  if (state.release) state.release();
  state.session = state.session || newSession(protocol);
  report.reset();
  const name = protocol === 'dash' ? 'start.mpd' : 'start.m3u8';
  // An absolute URL: some players take the colon in /video/:/ for a scheme.
  const source = new URL(`${UNIVERSAL}${name}?${parameters(protocol, offset)}`, location.href).href;
  state.release = players[protocol](video, source, offset, report.complain);
}

function seek(seconds) {
  report.seekedAt = report.since();
  report.seekFrom = report.frames.length;
  video.currentTime = seconds;
}

async function stop() {
  if (state.release) state.release();
  const session = state.session;
  Object.assign(state, { release: null, session: null });
  video.removeAttribute('src');
  video.load();
  if (session) await fetch(`${UNIVERSAL}stop?session=${session}`, { keepalive: true });
}

function timeline(what) {
  if (!state.session) return;
  const query = new URLSearchParams({ key: state.chosen.key, state: what, time: Math.round(video.currentTime * 1000), session: state.session });
  fetch(`/:/timeline?${query}`);
}

function restart() { if (state.session) play(Math.max(0, video.currentTime)); }

// ---- what is shown

let lastShown = 0;
function showFrame([at, mediaTime, number]) {
  if (at - lastShown < 200 && at >= lastShown) return;
  lastShown = at;
  const rate = state.chosen.rate[0] / state.chosen.rate[1];
  const off = number === null ? null : mediaTime - number / rate;
  const { dropped, frames, width, height } = report.state();
  rows($('picture'), {
    'frame on the picture': number === null ? 'unreadable' : number,
    'its place in the film': number === null ? '–' : `${(number / rate).toFixed(3)} s`,
    'media time says': `${mediaTime.toFixed(3)} s`,
    'difference': off === null ? '–' : `${(off * 1000).toFixed(1)} ms`,
    'first frame after': `${(report.events.firstframe / 1000).toFixed(2)} s`,
    'shown, dropped': `${frames}, ${dropped}`,
    'size': `${width} × ${height}`,
  });
}

function rows(list, values) {
  list.replaceChildren(...Object.entries(values).flatMap(([name, value]) => [element('dt', name), element('dd', value)]));
}

function element(name, text, className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

function choose(item) {
  state.chosen = item;
  for (const entry of $('library').children) entry.classList.toggle('chosen', entry.dataset.key === item.key);
  $('audio').replaceChildren(...item.audio.map(track => Object.assign(
    element('option', `${track.language} ${track.codec} ${track.channels}ch ${track.title}`), { value: track.index })));
  $('target').max = Math.floor(item.duration_seconds);
  $('target').value = Math.floor(item.duration_seconds * 0.75);
}

async function showLibrary() {
  state.items = (await (await fetch('/standin/library')).json()).items;
  $('library').replaceChildren(...state.items.map(item => {
    const entry = element('li', item.title);
    entry.dataset.key = item.key;
    const sounds = item.audio.map(track => track.codec).join(', ');
    entry.append(element('small', `${item.video}, ${sounds}, ${item.duration_seconds.toFixed(0)} s`));
    entry.onclick = async () => { await stop(); choose(item); };
    return entry;
  }));
  choose(state.items[0]);
  document.title = 'scaleplex demo: ready';
}

function stateOf(job) {
  if (job.killed) return 'replaced';
  if (job.exit_code === null) return job.throttled ? 'throttled' : 'running';
  return job.exit_code === 0 ? 'complete' : `failed (${job.exit_code})`;
}

async function showJobs() {
  const { jobs, violations } = await (await fetch('/standin/jobs')).json();
  $('jobs').replaceChildren(...jobs.slice(-6).reverse().map(job => {
    const row = document.createElement('tr');
    row.append(...[job.job.slice(0, 8), (job.worker || '–').replace('http://127.0.0.1', ''), `${job.start_seconds} s`, `${job.announced_seconds.toFixed(0)} s`,
      job.progress.speed ? `${job.progress.speed}×` : '–', stateOf(job)].map(text => element('td', text)));
    return row;
  }));
  $('violations').className = violations.length ? 'bad' : 'good';
  $('violations').textContent = violations.length
    ? `The stand-in saw ${violations.length} breaches of Plex's contract, the last: ${violations.at(-1).detail}`
    : jobs.length ? 'No breach of Plex\'s contract so far.' : '';
}

$('play').onclick = () => play();
$('seek').onclick = () => seek(+$('target').value);
$('stop').onclick = stop;
$('protocol').onchange = async () => { const at = video.currentTime, playing = state.session; await stop(); if (playing) play(at); };
$('quality').onchange = $('audio').onchange = restart;
$('controls').onsubmit = event => event.preventDefault();
video.addEventListener('playing', () => timeline('playing'));
video.addEventListener('pause', () => timeline('paused'));
setInterval(() => timeline(video.paused ? 'paused' : 'playing'), 10000);
setInterval(showJobs, 1000);
addEventListener('pagehide', stop);
window.demo = { state, play, seek, stop, choose: index => choose(state.items[index]) };
showLibrary();
