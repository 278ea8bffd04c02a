/**
 * What a run promises to those who await and iterate it, with a training thread that the tests lead by the
 * hand.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { NativeRunEvent } from '../../lib/native/index.ts';
import { type RunPlan, TrainingRun, whenSettled } from '../../lib/trainers/run/training-run.ts';

/** A training thread that only notes what it is asked. */
class Thread {
  readonly calls: string[] = [];
  #onEvent: ((event: NativeRunEvent) => void) | undefined;
  #epoch = 0;

  run(plan: Partial<RunPlan<number>> = {}): TrainingRun<number> {
    return new TrainingRun<number>({
      start: (lockstep, onEvent) => {
        this.calls.push(lockstep ? 'start in lockstep' : 'start');
        this.#onEvent = onEvent;
        return {
          stop: () => this.calls.push('stop'),
          setLockstep: (on) => this.calls.push(`lockstep ${on}`),
          acknowledge: () => this.calls.push(`acknowledge ${this.#epoch}`),
          setPaused: (on) => this.calls.push(`paused ${on}`),
          ask: (requests) => this.calls.push(`ask ${JSON.stringify(requests)}`),
          push: () => this.calls.push('push'),
          snapshotDone: () => this.calls.push('snapshot done'),
          pushRates: (first, rates) => this.calls.push(`rates ${first} ${rates.join()}`),
        };
      },
      failure: () => undefined,
      rates: () => new Float64Array(),
      toRecord: ({ epoch }) => epoch,
      onEpochEnd: undefined,
      signal: undefined,
      progress: undefined,
      ...plan,
    });
  }

  epoch(): Promise<void> {
    const times = { seconds: 1, validationSeconds: 0, samplesPerSecond: 1 };
    const facts = { steps: 0, skippedSteps: 0, rateScale: 1, ...times, loss: 0, metrics: [] };
    this.#send({ type: 'epoch', epoch: ++this.#epoch, ...facts });
    return sleep(0);
  }

  end(reason: 'completed' | 'stopped'): Promise<void> {
    this.#send({ type: 'end', reason });
    return sleep(0);
  }

  fail(error: Error): Promise<void> {
    this.#send({ type: 'end', reason: 'error', error });
    return sleep(0);
  }

  #send(event: NativeRunEvent): void {
    if (this.#onEvent === undefined) throw new Error('the thread was not started');
    this.#onEvent(event);
  }
}

/** How a promise stands after all that can happen at once has happened. */
async function stateOf(promise: PromiseLike<unknown>): Promise<unknown> {
  const pending = Symbol('pending');
  await sleep(0);
  const state = await Promise.race([promise, Promise.resolve(pending)]).catch((error) => error);
  return state === pending ? 'pending' : state;
}

test('a run starts right after the code that asked for it', async (t) => {
  const thread = new Thread();
  thread.run();
  t.deepEqual(thread.calls, []);
  await Promise.resolve();
  t.deepEqual(thread.calls, ['start']);
});

test('it resolves once, for everybody', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  const early = run.then(({ reason }) => reason);
  await sleep(0);
  await thread.epoch();
  await thread.epoch();
  t.is(await stateOf(run), 'pending');
  await thread.end('completed');
  t.deepEqual(await run, { epochs: [1, 2], reason: 'completed' });
  t.is(await run, await run);
  t.is(await early, 'completed');
});

test('an iterator turns lockstep on and lets the thread go on when it asks for the next epoch', async (t) => {
  const thread = new Thread();
  const epochs = thread.run()[Symbol.asyncIterator]();
  const first = epochs.next();
  await sleep(0);
  t.deepEqual(thread.calls, ['start in lockstep']);
  await thread.epoch();
  t.deepEqual(await first, { done: false, value: 1 });
  await sleep(0);
  t.deepEqual(thread.calls, ['start in lockstep']);
  const second = epochs.next();
  await sleep(0);
  t.deepEqual(thread.calls, ['start in lockstep', 'acknowledge 1']);
  await thread.epoch();
  await second;
  const third = epochs.next();
  await thread.end('completed');
  t.deepEqual(await third, { done: true, value: undefined });
  t.deepEqual(await epochs.next(), { done: true, value: undefined });
  t.deepEqual(thread.calls, ['start in lockstep', 'acknowledge 1', 'acknowledge 2']);
});

test('an iterator that nobody asks holds nobody up', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  run[Symbol.asyncIterator]();
  await sleep(0);
  t.deepEqual(thread.calls, ['start']);
});

test('a late iterator begins with the first epoch', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  await sleep(0);
  await thread.epoch();
  await thread.epoch();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const epoch of run) seen.push(epoch);
  })();
  await sleep(0);
  t.true(thread.calls.includes('lockstep true'));
  await thread.epoch();
  await thread.end('completed');
  await reading;
  t.deepEqual(seen, [1, 2, 3]);
  for await (const epoch of run) seen.push(epoch);
  t.deepEqual(seen, [1, 2, 3, 1, 2, 3]);
});

test('the thread waits for the slowest of several iterators', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  const [fast, slow] = [run[Symbol.asyncIterator](), run[Symbol.asyncIterator]()];
  const firsts = [fast.next(), slow.next()];
  await sleep(0);
  await thread.epoch();
  await Promise.all(firsts);
  const next = fast.next();
  await sleep(0);
  t.false(thread.calls.includes('acknowledge 1'));
  const slowNext = slow.next();
  await sleep(0);
  t.true(thread.calls.includes('acknowledge 1'));
  await thread.end('completed');
  await Promise.all([next, slowNext]);
});

test('break stops the run and waits for its end', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  const reading = (async () => {
    for await (const epoch of run) if (epoch === 1) break;
  })();
  await sleep(0);
  await thread.epoch();
  t.deepEqual(thread.calls, ['start in lockstep', 'stop', 'acknowledge 1']);
  t.is(await stateOf(reading), 'pending');
  await thread.end('stopped');
  await reading;
  t.deepEqual(await run, { epochs: [1], reason: 'stopped' });
});

test('a throw in the loop stops the run and comes out of the loop', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  const reading = (async () => {
    for await (const epoch of run) throw new Error(`in epoch ${epoch}`);
  })();
  reading.catch(() => {});
  await sleep(0);
  await thread.epoch();
  await thread.end('stopped');
  await t.throwsAsync(reading, { message: 'in epoch 1' });
  t.is((await run).reason, 'stopped');
});

test('return and throw stop the run while an epoch is awaited, and before the first one', async (t) => {
  const thread = new Thread();
  const epochs = thread.run()[Symbol.asyncIterator]();
  const next = epochs.next();
  await sleep(0);
  const returned = epochs.return();
  await sleep(0);
  t.deepEqual(thread.calls, ['start in lockstep', 'stop']);
  await thread.end('stopped');
  t.deepEqual(await next, { done: true, value: undefined });
  t.deepEqual(await returned, { done: true, value: undefined });

  const other = new Thread();
  const run = other.run();
  await t.throwsAsync(run[Symbol.asyncIterator]().throw(new Error('enough')), { message: 'enough' });
  t.deepEqual(await run, { epochs: [], reason: 'stopped' });
  t.deepEqual(other.calls, []);
});

test('a failure comes out of await and of every iterator', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  const [first, second] = [run[Symbol.asyncIterator](), run[Symbol.asyncIterator]()];
  const nexts = [first.next(), second.next()];
  await sleep(0);
  await thread.fail(Object.assign(new Error('loss is NaN'), { code: 'NOT_FINITE' }));
  for (const promise of [...nexts, Promise.resolve(run)]) {
    t.like(await t.throwsAsync(promise), {
      name: 'GradloomError',
      code: 'NOT_FINITE',
      message: 'loss is NaN',
    });
  }
  t.deepEqual(await first.next(), { done: true, value: undefined });
});

test('epochs before a failure are handed out first', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  await sleep(0);
  await thread.epoch();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const epoch of run) seen.push(epoch);
  })();
  reading.catch(() => {});
  await thread.fail(new Error('broken'));
  await t.throwsAsync(reading, { message: 'broken' });
  t.deepEqual(seen, [1]);
});

test('a thread that cannot start is a failure of the run', async (t) => {
  const start = () => {
    throw new Error('no thread');
  };
  await t.throwsAsync(Promise.resolve(new Thread().run({ start })), { message: 'no thread' });
});

test('stop before the start starts nothing, after the end does nothing', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  run.stop();
  t.deepEqual(await run, { epochs: [], reason: 'stopped' });
  run.stop();
  t.deepEqual(thread.calls, []);

  const other = new Thread();
  const completed = other.run();
  await sleep(0);
  await other.end('completed');
  completed.stop();
  t.is((await completed).reason, 'completed');
  t.deepEqual(other.calls, ['start']);
});

test('an abort before, during and after', async (t) => {
  const before = new Thread();
  t.deepEqual(await before.run({ signal: AbortSignal.abort() }), { epochs: [], reason: 'stopped' });
  t.deepEqual(before.calls, []);

  const thread = new Thread();
  const controller = new AbortController();
  const run = thread.run({ signal: controller.signal });
  await sleep(0);
  await thread.epoch();
  controller.abort();
  controller.abort();
  t.deepEqual(thread.calls, ['start', 'acknowledge 1', 'stop']);
  t.is(await stateOf(run), 'pending');
  await thread.end('stopped');
  t.deepEqual(await run, { epochs: [1], reason: 'stopped' });

  const late = new Thread();
  const lateController = new AbortController();
  const done = late.run({ signal: lateController.signal });
  await sleep(0);
  await late.end('completed');
  lateController.abort();
  t.is((await done).reason, 'completed');
  t.deepEqual(late.calls, ['start']);
});

test('no listener stays on the signal', async (t) => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const thread = new Thread();
  const run = thread.run({ signal });
  t.is(listeners, 1);
  await sleep(0);
  await thread.end('completed');
  await run;
  t.is(listeners, 0);
});

test('onEpochEnd is awaited before the next epoch', async (t) => {
  const thread = new Thread();
  let release = () => {};
  const onEpochEnd = (epoch: number) => {
    thread.calls.push(`callback ${epoch}`);
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const run = thread.run({ onEpochEnd });
  await sleep(0);
  await thread.epoch();
  t.deepEqual(thread.calls, ['start in lockstep', 'callback 1']);
  release();
  await sleep(0);
  t.deepEqual(thread.calls, ['start in lockstep', 'callback 1', 'acknowledge 1']);
  await thread.epoch();
  await thread.end('completed');
  t.is(await stateOf(run), 'pending');
  release();
  t.deepEqual(await run, { epochs: [1, 2], reason: 'completed' });
});

test('onEpochEnd may stop the run', async (t) => {
  const thread = new Thread();
  const run = thread.run({ onEpochEnd: (_, self) => self.stop() });
  await sleep(0);
  await thread.epoch();
  t.deepEqual(thread.calls, ['start in lockstep', 'stop', 'acknowledge 1']);
  await thread.end('stopped');
  t.is((await run).reason, 'stopped');
});

for (const kind of ['throws', 'rejects'] as const) {
  test(`an onEpochEnd that ${kind} ends the run with that error`, async (t) => {
    const thread = new Thread();
    const error = new TypeError('mine');
    const onEpochEnd = () => {
      if (kind === 'throws') throw error;
      return Promise.reject(error);
    };
    const run = thread.run({ onEpochEnd });
    const failure = t.throwsAsync(Promise.resolve(run), { is: error });
    await sleep(0);
    await thread.epoch();
    t.deepEqual(thread.calls, ['start in lockstep', 'stop', 'acknowledge 1']);
    await thread.end('stopped');
    await failure;
  });
}

test('whenSettled runs before anybody is told, also after the end', async (t) => {
  const thread = new Thread();
  const run = thread.run();
  const order: string[] = [];
  whenSettled(run, () => order.push('settled'));
  const told = run.then(() => order.push('told'));
  await sleep(0);
  await thread.end('completed');
  await told;
  whenSettled(run, () => order.push('late'));
  t.deepEqual(order, ['settled', 'told', 'late']);
});
