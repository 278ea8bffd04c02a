/** The geometry below the pictures: components, contour lines, places of texts. */
import test from 'ava';
import { contours } from '../../lib/plot/contours.ts';
import { placeLabels } from '../../lib/plot/labels.ts';
import { projectToPlane } from '../../lib/plot/pca.ts';

test('rows in a plane of many dimensions are found again with all their variance', (t) => {
  // Two orthogonal directions of five dimensions, with variances 4 to 1.
  const [u, v] = [
    [0.6, 0, 0.8, 0, 0],
    [0, 1, 0, 0, 0],
  ] as const;
  const places = [
    [2, 1],
    [-2, 1],
    [2, -1],
    [-2, -1],
  ] as const;
  const rows = places.map(([a, b]) => u.map((value, j) => 7 + a * value + b * (v[j] as number)));
  const { points, shares } = projectToPlane(rows);
  t.true(Math.abs(shares[0] - 0.8) < 1e-9);
  t.true(Math.abs(shares[1] - 0.2) < 1e-9);
  for (const [i, [x, y]] of points.entries()) {
    t.true(Math.abs(x - (places[i]?.[0] as number)) < 1e-6);
    t.true(Math.abs(y - (places[i]?.[1] as number)) < 1e-6);
  }
});

test('equal rows are one point', (t) => {
  const { points, shares } = projectToPlane([new Float32Array([1, 2]), new Float32Array([1, 2])]);
  t.deepEqual(points, [
    [0, 0],
    [0, 0],
  ]);
  t.deepEqual(shares, [0, 0]);
});

test('the lines of a bowl are closed circles', (t) => {
  const lines = contours((x, y) => x * x + y * y, { x: [-1, 1], y: [-1, 1] }, 6);
  const inner = lines.filter((line) => line.every(({ x, y }) => x * x + y * y < 0.9));
  t.true(inner.length >= 3);
  for (const line of inner) {
    const radii = line.map(({ x, y }) => Math.hypot(x, y));
    t.true(Math.max(...radii) - Math.min(...radii) < 0.01);
    t.deepEqual(line.at(-1), line[0]);
  }
});

test('a function with holes still has lines', (t) => {
  const lines = contours((x, y) => (x < 0 ? Number.NaN : x + y), { x: [-1, 1], y: [0, 1] }, 4);
  t.true(lines.length > 0);
  t.true(lines.flat().every(({ x, y }) => x >= 0 && Number.isFinite(y)));
});

test("texts stay out of each other's way, or are left out", (t) => {
  const points = Array.from({ length: 6 }, () => ({ x: 100, y: 100 }));
  const placed = placeLabels(points.slice(0, 1).concat({ x: 104, y: 100 }), ['one', 'two'], 10);
  t.is(placed[0]?.dy, -10);
  t.not(placed[1]?.dy, -10);
  t.true(placeLabels(points, ['a', 'b', 'c', 'd', 'e', 'f'], 10).some(({ text }) => text === ''));
});
