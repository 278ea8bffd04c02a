/** The page of a run: what stands in it, that nothing in it is taken for markup, and how Chromium shows it. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  add,
  type Dataset,
  dense,
  fromInputs,
  fromRows,
  fromStream,
  graph,
  input,
  iris,
  sequential,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { writeReport } from '../../lib/report/index.ts';

const CHROMIUM = '/usr/bin/chromium';
const EVIL = '<img src=x onerror=alert(1)>';

async function makeFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-report-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function fitIris(train: Dataset<[4], 'class'>, validation: Dataset<[4], 'class'>) {
  const model = sequential({ inputShape: [4], seed: 1 }, [
    dense({ units: 16, activation: 'tanh' }),
    dense({ units: 3 }),
  ]);
  const options = {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
  } as const;
  return new Trainer(model, { ...options, threads: 1 }).fit(train, { epochs: 8, validation });
}

async function irisSets(): Promise<[Dataset<[4], 'class'>, Dataset<[4], 'class'>]> {
  const [train, validation] = (await iris()).split({ fraction: 0.8, seed: 1, stratify: 'labels' });
  return standardize(train, validation);
}

test('a page has all that is known of a run, in one file without scripts', async (t) => {
  const path = join(await makeFolder(t), 'run.html');
  const run = fitIris(...(await irisSets()));
  await writeReport(run, path, { title: 'Iris & friends' });
  const page = await readFile(path, 'utf8');
  const last = (await run).epochs.at(-1);
  for (const text of [
    '<title>Iris &amp; friends</title>',
    'adagrad (learningRate 0.1',
    'softmaxCrossEntropy',
    '120 samples of [4]',
    'dense_1',
    'Confusion matrix',
    'versicolor',
    'samples a second',
    'epoch 8',
    'all epochs done',
    `${Number(last?.validation?.loss.toPrecision(4))}`,
  ]) {
    t.true(page.includes(text), text);
  }
  t.is(page.match(/<svg /g)?.length, 3);
  t.notRegex(page, /<script|https?:\/\/(?!www\.w3\.org)|undefined|NaN/);
});

test('a run over several inputs: each of them is described, and predictions are judged', async (t) => {
  const path = join(await makeFolder(t), 'run.html');
  const [train, validation] = (await irisSets()).map((set) => {
    const labels = Array.from({ length: set.length }, (_, sample) => set.labelAt(sample));
    const lengths = set.map(({ input: [length = 0] }) => [length], { inputShape: [1] });
    return fromInputs({ inputs: { flower: set, place: lengths }, labels });
  }) as [Dataset<{ flower: [4]; place: [1] }, 'class'>, Dataset<{ flower: [4]; place: [1] }, 'class'>];
  const [flower, place] = [input([4]), input([1])];
  const model = graph({
    inputs: { flower, place },
    output: add([flower.pipe(dense({ units: 3 })), place.pipe(dense({ units: 3 }))]),
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 });
  await writeReport(trainer.fit(train, { epochs: 2, validation }), path);
  const page = await readFile(path, 'utf8');
  for (const text of [
    '120 samples of { flower: [4], place: [1] }',
    'As the model sees the input flower, preprocessed:',
    'As the model sees the input place, preprocessed:',
    'Confusion matrix',
    'add_1',
  ]) {
    t.true(page.includes(text), text);
  }
  t.notRegex(page, /undefined|NaN/);
});

test('amounts are drawn beside true values; texts of the data are no markup', async (t) => {
  const path = join(await makeFolder(t), 'run.html');
  const rows = Array.from({ length: 40 }, (_, i) => ({
    [EVIL]: i % 3 === 0 ? `${EVIL}"` : 'plain',
    size: i,
    price: 3 * i,
  }));
  const data = await fromRows(rows, { target: 'price', labelKind: 'values' });
  const [train, validation] = standardize(...data.split({ fraction: 0.75, seed: 1 }));
  const model = sequential({ inputShape: train.inputShape }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 1 }),
    loss: 'meanSquaredError',
    threads: 1,
  });
  await writeReport(trainer.fit(train, { epochs: 3, validation }), path, { title: EVIL });
  const page = await readFile(path, 'utf8');
  t.true(page.includes('predicted price'));
  t.true(page.includes('&lt;img src=x'));
  t.false(page.includes('<img'));
});

test('what cannot be reported is said', async (t) => {
  const path = join(await makeFolder(t), 'run.html');
  const run = fitIris(...(await irisSets()));
  run.stop();
  await t.throwsAsync(writeReport(run, path), {
    code: 'INVALID_DATA',
    message: /ended before its first epoch/,
  });
  await t.throwsAsync(writeReport((await run) as never, path), {
    code: 'INVALID_OPTION',
    message: /not its history/,
  });
  t.false(existsSync(path));
});

test('Chromium shows it, in light and in dark, without an error or a request', async (t) => {
  if (!existsSync(CHROMIUM)) {
    t.log(`skipped: there is no ${CHROMIUM}; apt-get install chromium`);
    t.pass();
    return;
  }
  const path = join(await makeFolder(t), 'run.html');
  await writeReport(fitIris(...(await irisSets())), path);
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const backgrounds = { light: 'rgb(255, 255, 255)', dark: 'rgb(13, 17, 23)' } as const;
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: 700 } });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    t.deepEqual(complaints, []);
    t.deepEqual(requests, [pathToFileURL(path).href]);
    t.is(await page.evaluate('getComputedStyle(document.body).backgroundColor'), backgrounds[colorScheme]);
    // The pictures' own background follows, and so does their text.
    t.is(
      await page.evaluate('getComputedStyle(document.querySelector("svg > rect")).fill'),
      backgrounds[colorScheme],
    );
    t.is(await page.locator('svg.gradloom-plot').count(), 3);
    t.true(await page.getByText('Confusion matrix').isVisible());
    t.true(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'));
  }
});

test('fit writes the page by itself, before the run resolves; one that ended at once writes none', async (t) => {
  const folder = await makeFolder(t);
  const [train, validation] = await irisSets();
  const run = (options: object) =>
    new Trainer(sequential({ inputShape: [4], seed: 1 }, [dense({ units: 3 })]), {
      optimizer: adagrad(),
      loss: 'softmaxCrossEntropy',
      metrics: ['accuracy'],
      threads: 1,
    }).fit(train, { epochs: 3, validation, ...options });
  const path = join(folder, 'run.html');
  const plain = await run({});
  const history = await run({ report: path });
  const losses = (of: typeof history) => of.epochs.map(({ loss }) => loss);
  t.deepEqual(losses(history), losses(plain));
  const page = await readFile(path, 'utf8');
  for (const text of ['<h1>Training run</h1>', '3 of 3 epochs, all epochs done', 'Confusion matrix']) {
    t.true(page.includes(text), text);
  }
  const aborted = join(folder, 'aborted.html');
  const { epochs } = await run({ report: aborted, signal: AbortSignal.abort() });
  t.is(epochs.length, 0);
  t.false(existsSync(aborted));
  const failed = join(folder, 'failed.html');
  const failure = new Error('mine');
  const onEpochEnd = () => {
    throw failure;
  };
  t.is(await t.throwsAsync(Promise.resolve(run({ report: failed, onEpochEnd }))), failure);
  t.false(existsSync(failed));
  const stopped = run({ report: join(folder, 'stopped.html'), epochs: 1e6 });
  for await (const _ of stopped) break;
  t.regex(await readFile(join(folder, 'stopped.html'), 'utf8'), /1 of 1000000 epochs/);
  // At once, and not at the end of a run of hours.
  const nowhere = join(folder, 'no', 'such', 'run.html');
  t.throws(() => run({ report: nowhere }), { code: 'FILE_NOT_FOUND', message: /such does not exist/ });
  t.throws(() => run({ report: folder }), { code: 'INVALID_OPTION', message: /this is a folder/ });
  const endless = run({ epochs: 1e6 });
  await t.throwsAsync(writeReport(endless, nowhere), { code: 'FILE_NOT_FOUND' });
  endless.stop();
  await endless;
});

test.serial(
  'a run over a stream has a page, too, which knows no more of the data than their shape',
  async (t) => {
    const path = join(await makeFolder(t), 'stream.html');
    const [train] = await irisSets();
    const stream = fromStream([train, train], { inputShape: [4] });
    const model = sequential({ inputShape: [4] }, [dense({ units: 3 })]);
    const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
    await trainer.fit(stream, { report: path, validation: train });
    const page = await readFile(path, 'utf8');
    t.regex(page, /2 epochs, /);
    t.regex(page, /a stream of samples of \[4\]/);
    t.regex(page, /all that the stream gives/);
  },
);
