import test from 'ava';
import { ProgressLine } from '../../lib/trainers/logs/progress-line.ts';

function lineOn(columns: number) {
  let screen = '';
  let clock = 0;
  const line = new ProgressLine({
    output: {
      columns,
      write: (text: string) => {
        screen += text;
      },
    },
    epochs: 2,
    batchSize: 10,
    metricNames: ['accuracy'],
    now: () => clock,
  });
  const take = () => {
    const written = screen;
    screen = '';
    return written;
  };
  const wait = (milliseconds: number) => {
    clock += milliseconds;
  };
  return { line, take, wait };
}

const facts = { loss: 0.25, metrics: [0.5] };
const batch = { type: 'progress', epoch: 4, batch: 5, batches: 20, ...facts } as const;
const epoch = {
  type: 'epoch',
  epoch: 4,
  steps: 20,
  skippedSteps: 0,
  seconds: 1,
  samplesPerSecond: 1234.5,
  validation: { loss: 1, metrics: [0.75] },
  ...facts,
} as const;

test('a batch shows how far the epoch and the run are', (t) => {
  const { line, take, wait } = lineOn(200);
  wait(500);
  line.showBatch(batch);
  t.is(
    take(),
    '\repoch 4/5  [=====               ] 5/20  loss 0.2500  accuracy 0.5000  100 samples/s\u001b[K',
  );
});

test('an epoch shows its validation; what comes too soon is written at the end', (t) => {
  const { line, take, wait } = lineOn(200);
  wait(500);
  line.showBatch(batch);
  take();
  line.showEpoch({ ...epoch, validation: undefined } as never);
  t.is(take(), '');
  wait(200);
  line.showEpoch(epoch);
  const text =
    '\repoch 4/5  [====================]  loss 0.2500  accuracy 0.5000  1,235 samples/s  validation loss 1.0000  accuracy 0.7500\u001b[K';
  t.is(take(), text);
  line.end();
  t.is(take(), `${text}\n`);
});

test('the line never wraps', (t) => {
  const { line, take } = lineOn(20);
  line.showBatch(batch);
  t.is(take(), '\repoch 4/5  [=====  \u001b[K');
});

test('a line that makes room for other output is gone at the end', (t) => {
  const { line, take } = lineOn(200);
  line.clear();
  t.is(take(), '');
  line.showBatch(batch);
  take();
  line.clear();
  t.is(take(), '\r\u001b[K');
  line.end();
  t.is(take(), '');
});
