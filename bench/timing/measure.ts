/** Times training as a user sees it: epochs of the native loop, the gather of each batch included. */
import type { InputShape, LossChoice, Trainer } from '../../lib/index.ts';
import type { AnyDataset } from '../workloads/workload.ts';
import { ForeignLoad, waitForQuiet } from './foreign-load.ts';

const WARM_UP_SECONDS = 0.7;
/** Shorter epochs are joined, so that what is done once an epoch does not count. */
const LEAST_EPOCH_SECONDS = 0.05;
const LAST_STEPS = 10;
const WINDOWS = 3;
/** Windows spoilt by other programs that are thrown away before one is taken as it is. */
const MOST_SPOILT = 6;
const QUIET_SECONDS = 5;
/** Shorter windows, which are for tests and for a glance, count whatever else ran: the clock of processors has ticks of 10 ms. */
const LEAST_JUDGED_SECONDS = 0.1;

type AnyTrainer = Trainer<InputShape, LossChoice>;

export interface Timing {
  readonly msPerStep: number;
  /** (slowest - fastest window) / median. */
  readonly spread: number;
  /** Of the first step, before its update. */
  readonly lossFirst: number;
  /** Mean of the last ten steps. */
  readonly lossLast: number;
  readonly steps: number;
  readonly spoiltWindows: number;
  /** Whether a window counts in spite of other programs. */
  readonly contended: boolean;
}

export interface Timed {
  readonly trainer: AnyTrainer;
  /** Whole batches. */
  readonly data: AnyDataset;
  readonly batchSize: number;
  readonly windowSeconds: number;
}

export async function measure({ trainer, data, batchSize, windowSeconds }: Timed): Promise<Timing> {
  const train = (samples: AnyDataset, epochs: number) => runEpochs(trainer, samples, { batchSize, epochs });
  const first = await train(data.take(batchSize), 1);
  const { epoch, epochSeconds } = await warmUp(train, data);
  const stepsPerEpoch = epoch.length / batchSize;

  const clean: number[] = [];
  const spoilt: number[] = [];
  while (clean.length < WINDOWS && spoilt.length < MOST_SPOILT) {
    const load = new ForeignLoad();
    const window = await timeWindow((epochs) => train(epoch, epochs), windowSeconds, epochSeconds);
    const msPerStep = (window.seconds / (window.epochs * stepsPerEpoch)) * 1000;
    if (windowSeconds >= LEAST_JUDGED_SECONDS && load.isTooHigh()) {
      spoilt.push(msPerStep);
      await waitForQuiet(QUIET_SECONDS);
    } else {
      clean.push(msPerStep);
    }
  }
  const last = await train(data.take(Math.min(LAST_STEPS * batchSize, data.length)), 1);
  const counted = [...clean, ...spoilt.sort(ascending)].slice(0, WINDOWS).sort(ascending);
  const msPerStep = counted[Math.floor(counted.length / 2)] as number;
  return {
    msPerStep,
    spread: ((counted[counted.length - 1] as number) - (counted[0] as number)) / msPerStep,
    lossFirst: first.loss,
    lossLast: last.loss,
    steps: last.steps,
    spoiltWindows: spoilt.length,
    contended: clean.length < WINDOWS,
  };
}

interface Epochs {
  readonly epochs: number;
  /** Of all epochs, as the training thread counts them. */
  readonly seconds: number;
  /** Of the last epoch. */
  readonly loss: number;
  /** Since the trainer was made. */
  readonly steps: number;
}

/** Nobody listens to the run, so its thread never waits at an epoch's end. */
async function runEpochs(
  trainer: AnyTrainer,
  samples: AnyDataset,
  settings: { readonly batchSize: number; readonly epochs: number },
): Promise<Epochs> {
  const { epochs } = await trainer.fit(samples, { ...settings, shuffle: 'never', progress: 'none' });
  const last = epochs[epochs.length - 1];
  if (last === undefined) throw new Error('the run ended before its first epoch');
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  return { epochs: epochs.length, seconds, loss: last.loss, steps: last.steps };
}

type Train = (samples: AnyDataset, epochs: number) => Promise<Epochs>;

/** Trains until the machine is warm, on epochs that become long enough to be timed. */
async function warmUp(
  train: Train,
  data: AnyDataset,
): Promise<{ readonly epoch: AnyDataset; readonly epochSeconds: number }> {
  let total = 0;
  for (let times = 1, epoch = data; ; ) {
    const { seconds } = await train(epoch, 1);
    total += seconds;
    if (seconds < LEAST_EPOCH_SECONDS) {
      times *= 2;
      epoch = repeatSamples(data, times);
    } else if (total >= WARM_UP_SECONDS) {
      return { epoch, epochSeconds: seconds };
    }
  }
}

function repeatSamples(data: AnyDataset, times: number): AnyDataset {
  const places = new Uint32Array(times * data.length);
  for (let place = 0; place < places.length; place++) places[place] = place % data.length;
  return data.select(places);
}

async function timeWindow(
  train: (epochs: number) => Promise<Epochs>,
  windowSeconds: number,
  epochSeconds: number,
): Promise<{ readonly seconds: number; readonly epochs: number }> {
  let seconds = 0;
  let epochs = 0;
  while (seconds < windowSeconds) {
    const more = await train(Math.ceil((windowSeconds - seconds) / epochSeconds));
    seconds += more.seconds;
    epochs += more.epochs;
  }
  return { seconds, epochs };
}

function ascending(a: number, b: number): number {
  return a - b;
}
