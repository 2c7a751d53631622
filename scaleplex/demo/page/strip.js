// Reads the frame number off the picture: 32 cells in two rows along its top edge, the lower row the inverse of the
// upper one. scaleplex/demo/strip.py describes the cells and draws them.

export const CELLS = 32;
const ROWS_PER_HEIGHT = 54, MIN_CONTRAST = 24, CELL_PX = 10, MARGIN_PX = 3;

export function decodeCells(upper, lower) {
  const differences = upper.map((level, cell) => level - lower[cell]);
  const bits = differences.map(difference => +(difference > 0));
  const value = (from, to) => bits.slice(from, to).reduce((sum, bit) => sum * 2 + bit, 0);
  const number = value(2, 26);
  let nibbles = 0;
  for (let shift = 0; shift < 24; shift += 4) nibbles += number >> shift & 15;
  const sound = bits[0] && !bits[1] && !bits[30] && bits[31] && value(26, 30) === (nibbles & 15);
  return sound && Math.min(...differences.map(Math.abs)) >= MIN_CONTRAST ? number : null;
}

export function stripReader(video) {
  const canvas = Object.assign(document.createElement('canvas'), { width: CELLS * CELL_PX, height: 2 * CELL_PX });
  const paper = canvas.getContext('2d', { willReadFrequently: true });
  // Picture and time are taken from one VideoFrame: the element itself may have moved on to the next frame since the
  // callback that told of this one.
  return () => {
    const frame = new VideoFrame(video);
    const mediaTime = frame.timestamp / 1e6, height = 2 * frame.displayHeight / ROWS_PER_HEIGHT;
    paper.drawImage(frame, 0, 0, frame.displayWidth, height, 0, 0, canvas.width, canvas.height);
    frame.close();
    const pixels = paper.getImageData(0, 0, canvas.width, canvas.height).data;
    const level = (cell, row) => {
      let sum = 0;
      for (let y = row * CELL_PX + MARGIN_PX; y < (row + 1) * CELL_PX - MARGIN_PX; y++)
        for (let x = cell * CELL_PX + MARGIN_PX; x < (cell + 1) * CELL_PX - MARGIN_PX; x++) sum += pixels[4 * (y * canvas.width + x) + 1];
      return sum / (CELL_PX - 2 * MARGIN_PX) ** 2;
    };
    const row = index => Array.from({ length: CELLS }, (_, cell) => level(cell, index));
    return [mediaTime, decodeCells(row(0), row(1))];
  };
}
