// The two players, behind one function each: (video, manifest URL, start seconds, complain) -> function that lets go.
// They wait as long as a media server may hold a request; a slow start must not look like a player's error.

const PATIENCE_MS = 130000;

export const players = {
  dash(video, source, offset, complain) {
    const player = dashjs.MediaPlayer().create();
    player.on('error', event => complain(`dash ${event.error.code} ${event.error.message}`));
    player.updateSettings({ streaming: {
      fragmentRequestTimeout: PATIENCE_MS, manifestRequestTimeout: PATIENCE_MS,
      buffer: { bufferTimeDefault: 8, bufferTimeAtTopQuality: 8, bufferTimeAtTopQualityLongForm: 8 },
    } });
    player.initialize(video, source, true, offset);
    return () => player.destroy();
  },
  hls(video, source, offset, complain) {
    const patient = { default: { maxTimeToFirstByteMs: PATIENCE_MS, maxLoadTimeMs: PATIENCE_MS, timeoutRetry: null, errorRetry: null } };
    const player = new Hls({
      fragLoadPolicy: patient, playlistLoadPolicy: patient, manifestLoadPolicy: patient,
      startPosition: offset || -1, maxBufferLength: 8, maxMaxBufferLength: 12,
    });
    player.on(Hls.Events.ERROR, (_, event) => {
      if (event.fatal || event.details.includes('Parsing')) complain(`hls ${event.type} ${event.details}`);
    });
    player.loadSource(source);
    player.attachMedia(video);
    video.play().catch(() => {});  // refused without a gesture; the controls are there
    return () => player.destroy();
  },
};
