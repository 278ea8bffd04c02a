/** Pictures: that they show the numbers they are given, named and readable, in light and in dark. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import sharp from 'sharp';
import * as plot from '../../lib/plot/index.ts';
import { load } from '../../lib/plot/packages.ts';

const epochs = [1, 2, 3].map((epoch) => ({
  epoch,
  steps: 10 * epoch,
  skippedSteps: 0,
  rateScale: 1,
  seconds: 0.5,
  validationSeconds: 0.1,
  samplesPerSecond: 640,
  peakMemory: 1e8,
  loss: 1 / epoch,
  accuracy: 0.5 + 0.1 * epoch,
  validation: { loss: 1.5 / epoch, accuracy: 0.4 + 0.1 * epoch },
}));
const history = { epochs, reason: 'completed' } as const;

/** The texts of an SVG, in order. */
function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text as string);
}

/** The ids that an SVG gives, and those that it refers to. */
function idsOf(svg: string): { readonly given: readonly string[]; readonly used: readonly string[] } {
  const all = (pattern: RegExp) => [...svg.matchAll(pattern)].map(([, id]) => id as string);
  return { given: all(/ id="([^"]+)"/g), used: all(/url\(#([^)]+)\)/g) };
}

type Values = { readonly data: { readonly values: readonly Record<string, unknown>[] } };

const PICTURES: Record<string, () => plot.Plot> = {
  history: () => plot.history(history),
  compare: () => plot.compare({ adagrad: history, sgd: history }),
  curves: () => plot.curves({ one: [1, 2, 3], two: { x: [1, 3], y: [2, 1] } }),
  learningRates: () => plot.learningRates({ common: [0.1, 0.05, 0.03], rare: [0.1, 0.1, 0.07] }),
  confusionMatrix: () =>
    plot.confusionMatrix(
      [
        [5, 1],
        [0, 6],
      ],
      { classNames: ['cat', 'dog'] },
    ),
  paths: () =>
    plot.paths(
      {
        adagrad: [
          [5, -3],
          [2, -1],
          [0, 0],
        ],
      },
      { of: (x, y) => x * x + y * y },
    ),
  embedding: () =>
    plot.embedding(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 1, 1],
      ],
      { labels: ['a', 'b', 'c', 'd'] },
    ),
  filters: () => plot.filters({ data: new Float32Array(18).map((_, i) => i - 9), shape: [2, 1, 3, 3] }),
  returns: () => plot.returns([10, 20, 30], { window: 2, goal: 25 }),
  panels: () => plot.panels([plot.curves({ one: [1, 2, 3] }), plot.returns([10, 20, 30])], { title: 'Two' }),
};

for (const [name, draw] of Object.entries(PICTURES)) {
  test(`${name} is an SVG whose every text has a colour that a dark page exchanges`, async (t) => {
    const svg = await draw().svg();
    t.regex(svg, /^<svg [^>]*class="gradloom-plot"/);
    t.regex(svg, /@media \(prefers-color-scheme: dark\)/);
    const colors = [...svg.matchAll(/<text[^>]*fill="([^"]+)"/g)].map(([, color]) => color as string);
    t.true(colors.length > 0);
    for (const color of colors) t.true(svg.includes(`[fill="${color}"]`), color);
  });
}

test('pictures on one page have ids of their own, and refer to these', async (t) => {
  const clipped = [
    plot.curves({ one: [1, 2, 3] }),
    plot.curves({ one: [1, 2, 3] }, { height: 100 }),
    PICTURES.paths?.() as plot.Plot,
  ];
  const drawn = await Promise.all(clipped.map(async (picture) => idsOf(await picture.svg())));
  for (const { given, used } of drawn) {
    t.true(given.length > 0);
    t.deepEqual(new Set(used), new Set(given));
  }
  const all = drawn.flatMap(({ given }) => given);
  t.is(new Set(all).size, all.length);
});

test('a picture is the same file, whatever was drawn before it', async (t) => {
  const draw = () => plot.curves({ one: [1, 2, 3] }).svg();
  const first = await draw();
  await plot.curves({ two: [3, 1] }).svg();
  t.is(await draw(), first);
});

test('a history has a panel for each figure, with training and validation', async (t) => {
  const texts = textsOf(await plot.history(history, { title: 'My run' }).svg());
  for (const text of ['My run', 'loss', 'accuracy', 'epoch', 'training', 'validation'])
    t.true(texts.includes(text), text);
  const { concat } = (await plot.history(history).spec()) as unknown as { concat: [Values, Values] };
  t.deepEqual(
    concat[1].data.values.filter(({ set }) => set === 'validation').map(({ epoch, value }) => [epoch, value]),
    epochs.map(({ epoch, validation }) => [epoch, validation.accuracy]),
  );
});

test('a run is waited for', async (t) => {
  const texts = textsOf(
    await plot
      .compare({ later: Promise.resolve(history), now: history }, { figure: 'validation.accuracy' })
      .svg(),
  );
  t.true(texts.includes('later') && texts.includes('now') && texts.includes('validation accuracy'));
});

test('a legend shows names of thirty characters whole', async (t) => {
  const name = 'AdaGrad with momentum and decay';
  t.true(textsOf(await plot.curves({ [name]: [1, 2], other: [2, 1] }).svg()).includes(name));
});

test('a line that lies on earlier ones is dashed, by their number, and so is its legend', async (t) => {
  const falling = Float64Array.from({ length: 50 }, (_, i) => 10 * 0.8 ** i);
  const near = falling.map((value) => value * 1.001);
  // As most of the others lie on the floor in the end: of its way it shares less.
  const slower = Float64Array.from({ length: 50 }, (_, i) => 10 * 0.7 ** i);
  for (const yScale of ['linear', 'log'] as const) {
    const picture = plot.curves({ falling, slower, near, again: falling }, { yScale });
    const { encoding } = (await picture.spec()) as unknown as {
      encoding: { strokeDash: { scale: { domain: string[]; range: number[][] } } };
    };
    t.deepEqual(encoding.strokeDash.scale.domain, ['falling', 'slower', 'near', 'again']);
    t.deepEqual(encoding.strokeDash.scale.range, [[], [], [10, 8], [4, 14]]);
    const dashes = [...(await picture.svg()).matchAll(/stroke-dasharray="([\d,]+)"/g)].map(
      ([, dash]) => dash,
    );
    t.deepEqual([...dashes].sort(), ['10,8', '10,8', '4,14', '4,14']);
  }
});

test('panels are pictures with their own titles, axes and legends', async (t) => {
  const pictures = [
    plot.curves({ one: [1, 2], two: [2, 1] }, { title: 'Left', yTitle: 'height' }),
    plot.history(history, { title: 'Right' }),
  ];
  const texts = textsOf(await plot.panels(pictures, { title: 'Both' }).svg());
  for (const text of ['Both', 'Left', 'Right', 'height', 'one', 'two', 'epoch', 'training', 'validation'])
    t.is(texts.filter((each) => each === text).length, text === 'epoch' ? 2 : 1, text);
  t.true((await plot.panels(pictures, { columns: 1 }).spec()).title === undefined);
});

test('what is not finite, or has no logarithm, is a gap', async (t) => {
  const spec = (await plot
    .curves({ one: [1, Number.NaN, 0, -1, 100] }, { yScale: 'log' })
    .spec()) as unknown as Values;
  t.deepEqual(
    spec.data.values.map(({ y }) => y),
    [1, null, null, null, 100],
  );
});

test('long series are thinned, and keep their ends', async (t) => {
  const long = Float64Array.from({ length: 50_000 }, (_, i) => i);
  for (const xScale of ['linear', 'log'] as const) {
    const { data } = (await plot.curves({ long }, { xScale }).spec()) as unknown as Values;
    t.true(data.values.length <= 1000);
    t.is(data.values[0]?.y, 0);
    t.is(data.values.at(-1)?.y, 49_999);
  }
});

test('the mean of returns is over the last ones', async (t) => {
  const spec = (await plot.returns([10, 20, 30, 40], { window: 2 }).spec()) as unknown as Values;
  t.deepEqual(
    spec.data.values.map(({ mean }) => mean),
    [10, 15, 25, 35],
  );
});

test('a matrix shows its numbers, and shares of the labels as darkness', async (t) => {
  const picture = plot.confusionMatrix(
    [
      [3, 1],
      [0, 4],
    ],
    { classNames: ['cat', 'dog'] },
  );
  const { data } = (await picture.spec()) as unknown as Values;
  t.deepEqual(
    data.values.map(({ share }) => share),
    [0.75, 0.25, 0, 1],
  );
  const texts = textsOf(await picture.svg());
  for (const text of ['3', '1', '4', 'cat', 'dog', 'true class', 'predicted class'])
    t.true(texts.includes(text), text);
});

test('a PNG has its text, at the scale asked for, in light and dark', async (t) => {
  const decode = async (png: Uint8Array) =>
    sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const count = (data: Uint8Array, [r, g, b]: readonly [number, number, number]) => {
    let pixels = 0;
    for (let i = 0; i < data.length; i += 3)
      pixels += Number(data[i] === r && data[i + 1] === g && data[i + 2] === b);
    return pixels;
  };
  const light = await decode(await plot.history(history).png({ scale: 1 }));
  const large = await decode(await plot.history(history).png({ scale: 2 }));
  t.is(large.info.width, 2 * light.info.width);
  t.true(count(large.data, [0x1f, 0x24, 0x29]) > 200);
  const dark = await decode(await plot.history(history, { theme: 'dark' }).png());
  t.deepEqual([...dark.data.subarray(0, 3)], [0x0d, 0x11, 0x17]);
  t.true(count(dark.data, [0xe6, 0xed, 0xf3]) > 200);
});

test('save writes by the ending', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-plot-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const picture = plot.curves({ one: [1, 2] });
  await picture.save(join(folder, 'a.svg'));
  await picture.save(join(folder, 'a.json'));
  t.regex(await readFile(join(folder, 'a.svg'), 'utf8'), /^<svg /);
  t.is(
    JSON.parse(await readFile(join(folder, 'a.json'), 'utf8')).$schema,
    'https://vega.github.io/schema/vega-lite/v6.json',
  );
  await t.throwsAsync(picture.save(join(folder, 'a.gif')), {
    code: 'INVALID_OPTION',
    message: /a picture's file ends in "\.svg", "\.png" or "\.json", got ".*a\.gif"/,
  });
});

test('a font that is none is refused, since its text would vanish', async (t) => {
  const picture = plot.curves({ one: [1, 2] });
  await t.throwsAsync(picture.png({ font: '/nowhere/font.ttf' }), { code: 'FILE_NOT_FOUND' });
  await t.throwsAsync(picture.png({ font: fileURLToPath(import.meta.url) }), {
    code: 'FILE_FORMAT',
    message: /is no TrueType or OpenType font/,
  });
});

test('mistakes are named', async (t) => {
  const bad = (call: () => unknown, message: RegExp) => t.throws(call, { code: 'INVALID_OPTION', message });
  bad(() => plot.history(3 as never), /history: run must be what fit returned/);
  bad(
    () => plot.history(history, { titles: 'x' } as never),
    /unknown option "titles"; did you mean "title"\?/,
  );
  bad(() => plot.curves({}), /curves: series must be an object of at least one list/);
  bad(() => plot.curves({ a: { x: [1], y: [1, 2] } }), /series "a" has 1 places x for 2 values y/);
  bad(() => plot.confusionMatrix([[1, 2]]), /must be a square of numbers/);
  bad(() => plot.confusionMatrix([[1]], { classNames: ['a', 'b'] }), /2 names for 1 classes/);
  bad(() => plot.embedding([[1, 2]]), /at least two lists/);
  bad(() => plot.embedding([[1], [2]], { labels: ['a'] }), /labels has 1 texts for 2 vectors/);
  bad(() => plot.filters(undefined), /shape: \[filters, channels, height, width\]/);
  bad(() => plot.paths({ a: [] }), /pairs of finite numbers/);
  bad(() => plot.panels([]), /panels: pictures must be a list of at least one picture/);
  bad(() => plot.panels([history] as never), /such as \[plot\.history\(run\)\], got /);
  await t.throwsAsync(plot.compare({ a: history }, { figure: 'acuracy' }).svg(), {
    message: 'compare: the run\'s epochs have no figure "acuracy"; did you mean "accuracy"?',
  });
  await t.throwsAsync(plot.history({ epochs: [], reason: 'stopped' }).svg(), { code: 'INVALID_DATA' });
});

test('a package that is not there is named with the command that installs it', async (t) => {
  await t.throwsAsync(load('history', 'gradloom-no-such-package', 'pictures are drawn'), {
    code: 'NOT_INSTALLED',
    message: /which is not installed; run: npm install vega vega-lite@~6\.4\.3 @resvg\/resvg-js/,
  });
});
