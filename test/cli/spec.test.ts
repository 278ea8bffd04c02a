/** Training from a file of data, model and trainer; the examples of the slides by a command. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fixture, gradloom, makeFolder } from './command.ts';

const SPEC = {
  data: { path: fixture('houses.csv'), target: 'price', ignore: ['id'], validation: 0.25 },
  model: {
    layers: [
      { kind: 'dense', units: 16, activation: 'relu' },
      { kind: 'dense', units: 1 },
    ],
  },
  trainer: {
    optimizer: { kind: 'adam', learningRate: { kind: 'cosineDecay', from: 0.02, steps: 300 } },
    loss: { kind: 'huber', delta: 2 },
    epochs: 40,
    seed: 5,
    threads: 2,
  },
  out: 'houses.safetensors',
};

async function write(t: ExecutionContext, spec: unknown): Promise<string> {
  const folder = await makeFolder(t);
  await writeFile(join(folder, 'spec.json'), typeof spec === 'string' ? spec : JSON.stringify(spec));
  return folder;
}

test('a spec says what options would; its paths count from its folder, and what is typed counts more', async (t) => {
  const folder = await write(t, SPEC);
  const typed = ['--epochs', '20', '--patience', '0', '--json'];
  const { code, stdout, stderr } = await gradloom('/', 'train', join(folder, 'spec.json'), ...typed);
  t.is(code, 0, stderr);
  const report = JSON.parse(stdout);
  t.like(report, { task: 'regression', preset: 'layers', seed: 5, epochs: 20, threads: 2 });
  t.deepEqual(report.rows, { training: 60, validation: 20 });
  t.is(report.optimizer.kind, 'adam');
  t.is(report.optimizer.learningRate.from, 0.02);
  t.true(report.r2 > 0.8);
  const inspected = await gradloom(folder, 'inspect', 'houses.safetensors');
  t.regex(inspected.stdout, /huber/);

  const other = await gradloom(
    folder,
    'train',
    'spec.json',
    '--optimizer',
    'sgd',
    '--model',
    'linear',
    '--json',
  );
  t.is(other.code, 0, other.stderr);
  t.like(JSON.parse(other.stdout), { preset: 'linear', optimizer: { kind: 'sgd', learningRate: 0.001 } });
});

test('a spec may be short; a list in JSON is data', async (t) => {
  const folder = await write(t, { data: 'iris', model: 'linear', trainer: { epochs: 3 } });
  const { code, stdout, stderr } = await gradloom(folder, 'train', 'spec.json', '--json');
  t.is(code, 0, stderr);
  t.like(JSON.parse(stdout), { preset: 'linear', epochs: 3, task: 'classification' });
  t.true((await readFile(join(folder, 'model.safetensors'))).length > 0);
  const rows = Array.from({ length: 40 }, (_, i) => ({ x: i, y: i % 2 }));
  await writeFile(join(folder, 'rows.json'), JSON.stringify(rows));
  const listed = await gradloom(folder, 'train', 'rows.json', '--target', 'y', '--epochs', '1', '--json');
  t.is(listed.code, 0, listed.stderr);
});

const MISTAKES: readonly (readonly [spec: unknown, code: number, message: RegExp])[] = [
  ['{ "data": "iris", }', 3, /spec\.json: is no JSON/],
  [{ model: 'mlp' }, 2, /spec\.json: data is missing; it must be a path, or an object/],
  [
    { data: 'iris', epochs: 3 },
    2,
    /spec\.json: unknown option "epochs"; there are data, model, trainer, out and report/,
  ],
  [
    { data: { path: 'iris', tagret: 'x' } },
    2,
    /spec\.json: data: unknown option "tagret"; did you mean "target"\?/,
  ],
  [{ data: 'iris', model: 'cnm' }, 2, /spec\.json: model: preset must be "linear", "mlp"/],
  [
    { data: 'iris', trainer: { optimizer: { learningRate: 1 } } },
    2,
    /trainer\.optimizer must be a name or an object/,
  ],
  [
    { data: 'iris', trainer: { loss: 'huber' } },
    2,
    /the loss huber is not one of classification; leave it out/,
  ],
  [
    { data: 'iris', model: { layers: [{ kind: 'dense', units: 2 }] } },
    2,
    /the last of model\.layers must give the 3 classes: \{ "kind": "dense", "units": 3 \}/,
  ],
  [
    { data: 'iris', model: { layers: [{ kind: 'dens', units: 3 }] } },
    2,
    /model\.layers\[0\] has the unknown kind "dens"/,
  ],
  [
    { data: 'iris', model: { preset: 'mlp', layers: [{ kind: 'dense' }] } },
    2,
    /model has layers, which leave nothing to preset/,
  ],
  [{ data: 'gone.csv' }, 3, /gone\.csv: there is no such file/],
];

test('mistakes in a spec name the file and the place', async (t) => {
  for (const [spec, code, message] of MISTAKES) {
    const folder = await write(t, spec);
    const outcome = await gradloom(folder, 'train', 'spec.json');
    t.is(outcome.code, code, `${JSON.stringify(spec)}: ${outcome.stderr}`);
    t.regex(outcome.stderr, message);
  }
});

test('systems runs the examples that are named', async (t) => {
  const folder = await makeFolder(t);
  const { code, stdout } = await gradloom(folder, 'systems', '2', '--short', '--json');
  t.is(code, 0);
  const result = JSON.parse(stdout);
  t.like(result, { systems: 1, reached: 1 });
  t.like(result.outcomes[0], { slide: 2, verdict: 'reached' });
  const beyond = await gradloom(folder, 'systems', '15');
  t.is(beyond.code, 2);
  t.regex(beyond.stderr, /there are systems 1 to 14, got 15/);
});
