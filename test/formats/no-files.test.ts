/** Paths of what is no file: a pipe without another end would hold a thread of the file system for ever, and a device never ends. */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as gradloom from '../../lib/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));
const pipe = join(folder, 'pipe');
const device = join(folder, 'device');
const socket = join(folder, 'socket');
const whole = join(folder, 'a.csv');
const server = createServer();
execFileSync('mkfifo', [pipe]);
symlinkSync('/dev/zero', device);
writeFileSync(whole, 'a,y\n1,2\n');
await new Promise<void>((resolve) => {
  server.listen(socket, resolve);
});

const { dense, sequential, writeNpy } = gradloom;
const model = sequential({ inputShape: [2] }, [dense({ units: 2 })]);
const memory = 'map';
const size: [number, number] = [4, 4];
const labels = join(folder, 'labels.npy');
await writeNpy(labels, { shape: [1], data: Uint8Array.of(0) });

const READERS: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  loadModel: (path) => gradloom.loadModel(path),
  'Trainer.load': (path) => gradloom.Trainer.load(path),
  loadWeights: (path) => model.loadWeights(path),
  loadPyTorch: (path) => model.loadPyTorch(path),
  loadWordVectors: (path) => gradloom.loadWordVectors(path),
  'loadWordVectors of bytes': (path) => gradloom.loadWordVectors(path, { format: 'binary' }),
  csv: (path) => gradloom.csv(path, { target: 'y' }),
  readCsv: (path) => gradloom.readCsv(path),
  json: (path) => gradloom.json(path, { target: 'y' }),
  ndjson: (path) => gradloom.ndjson(path, { target: 'y' }),
  libsvm: (path) => gradloom.libsvm(path, { features: 4 }),
  vw: (path) => gradloom.vw(path),
  readNpy: (path) => gradloom.readNpy(path),
  npy: (path) => gradloom.npy({ inputs: path, labels }),
  'npy, mapped': (path) => gradloom.npy({ inputs: path, labels, memory }),
  readIdx: (path) => gradloom.readIdx(path),
  'idx, mapped': (path) => gradloom.idx({ images: path, labels: path, memory }),
  readCifar10: (path) => gradloom.readCifar10(path),
  readImage: (path) => gradloom.readImage(path, { size }),
};

test.after.always(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const KINDS = { 'a pipe': pipe, 'a device': device, 'a socket': socket };

for (const [name, read] of Object.entries(READERS)) {
  test(`${name} refuses to read what is no file`, async (t) => {
    for (const [kind, path] of Object.entries(KINDS)) {
      const error = await t.throwsAsync(read(path), { instanceOf: gradloom.GradloomError });
      t.like(error, { code: 'INVALID_OPTION' });
      t.true(error?.message.startsWith(`${path}: this is ${kind}`), error?.message);
    }
  });
}

test('folders with a pipe in the place of a file are refused', async (t) => {
  const set = join(folder, 'set');
  mkdirSync(join(set, 'class'), { recursive: true });
  for (const name of [
    ...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
    'test_batch.bin',
    'batches.meta.txt',
    'train-images-idx3-ubyte',
    'shards.json',
    'class/1.png',
    'step-000000000001.safetensors',
  ]) {
    execFileSync('mkfifo', [join(set, name)]);
  }
  for (const name of ['train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']) {
    writeFileSync(join(set, name), '');
  }
  const data = await gradloom.iris();
  const found = { code: 'INVALID_OPTION', message: /: this is a pipe; give the path of a file/ };
  await t.throwsAsync(gradloom.imageFolder(set, { size }), found);
  await t.throwsAsync(gradloom.readShards(set), found);
  await t.throwsAsync(gradloom.cifar10({ folder: set }), found);
  await t.throwsAsync(gradloom.mnist({ folder: set }), found);
  await t.throwsAsync(
    gradloom.Trainer.resume(set, data).then((run) => run),
    found,
  );
});

test('reading such paths leaves the threads of the file system free', async (t) => {
  await Promise.allSettled(Array.from({ length: 16 }, () => gradloom.loadModel(pipe)));
  t.true((await stat(whole)).isFile());
});

test('nothing is saved over what is no file, which stays', async (t) => {
  const data = (await gradloom.iris()).take(8);
  const before = readdirSync(folder).length;
  for (const path of [pipe, device, socket]) {
    const refused = {
      code: 'INVALID_OPTION',
      message: /: this is a (pipe|device|socket); give the path of a file/,
    };
    await t.throwsAsync(model.save(path), refused);
    await t.throwsAsync(writeNpy(path, { shape: [1], data: Uint8Array.of(1) }), refused);
    t.false(statSync(path).isFile());
  }
  t.true(lstatSync(device).isSymbolicLink());
  await t.throwsAsync(gradloom.writeShards(data, device), { code: 'INVALID_OPTION' });
  t.is(readdirSync(folder).length, before);
});

test('a logger to a pipe that nobody reads ends the run', async (t) => {
  const data = (await gradloom.iris()).take(8);
  const net = sequential({ inputShape: [4], seed: 1 }, [dense({ units: 3 })]);
  const options = { optimizer: gradloom.adagrad(), loss: 'softmaxCrossEntropy', threads: 1 } as const;
  for (const logger of [gradloom.csvLogger(pipe), gradloom.jsonLinesLogger(pipe)]) {
    const run = new gradloom.Trainer(net, options).fit(data, { epochs: 2, loggers: [logger] });
    await t.throwsAsync(Promise.resolve(run), {
      code: 'INVALID_OPTION',
      message: `${pipe}: this is a pipe or a device that nobody reads; log to a file, or give a function as a logger`,
    });
  }
});
