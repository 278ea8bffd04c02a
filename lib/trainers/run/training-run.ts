import { type Deferred, deferred } from '../../core/deferred.ts';
import { callNative, toGradloomError } from '../../core/errors.ts';
import type { BatchRecord, EndReason, EpochRecord, History } from '../../history/history.ts';
import type {
  NativeEndEvent,
  NativeEpochEvent,
  NativeInspectionEvent,
  NativeProgressEvent,
  NativeRun,
  NativeRunEvent,
} from '../../native/index.ts';
import type { CheckpointKeeper, KeeperPlan } from '../checkpoints/checkpoint-keeper.ts';
import type { EpochControl } from '../control/epoch-control.ts';
import { LogBook, type Logger } from '../logs/loggers.ts';
import type { ProgressLine } from '../logs/progress-line.ts';

/** A method's type, not a function's: a run of epochs with metrics is a run of epochs. */
type EpochCallback<Epoch> = { call(epoch: Epoch, run: TrainingRun<Epoch>): unknown }['call'];

type BatchCallback<Epoch> = { call(batch: BatchRecord, run: TrainingRun<Epoch>): unknown }['call'];

/** What a run needs from the trainer that starts it. */
export interface RunPlan<Epoch> {
  /** Starts the training thread; in lockstep it waits after each epoch until that is acknowledged. */
  readonly start: (lockstep: boolean, onEvent: (event: NativeRunEvent) => void) => NativeRun;
  /** What a user's function threw on behalf of the training thread, which then ends. */
  readonly failure: () => { readonly error: unknown } | undefined;
  /** The learning rates of the steps from this one on. */
  readonly rates: (step: number) => Float64Array;
  readonly toRecord: (event: NativeEpochEvent) => Epoch;
  readonly toBatch?: (event: NativeProgressEvent) => BatchRecord;
  /** Epochs of the run that this one goes on with. */
  readonly earlier?: readonly Epoch[];
  /** What the run decides by itself. */
  readonly control?: EpochControl;
  readonly loggers?: readonly Logger[];
  readonly onEpochEnd: EpochCallback<Epoch> | undefined;
  readonly onBatchEnd?: BatchCallback<Epoch> | undefined;
  readonly onInspection?: (event: NativeInspectionEvent) => unknown;
  readonly signal: AbortSignal | undefined;
  readonly progress: ProgressLine | undefined;
  /** Done before the thread starts; what it rejects with ends the run. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Done at the end of a run that did not fail, which waits for it. */
  readonly report?: ((history: History) => Promise<void>) | undefined;
  readonly openCheckpoints?: ((hooks: Pick<KeeperPlan, 'fail' | 'done'>) => CheckpointKeeper) | undefined;
}

/** A consumer of epochs: it has asked for the next one when it is done with all before. */
interface Reader {
  epochsDone: number;
}

/** Runs this once when the run has ended, without counting as somebody who waits for it. */
export let whenSettled: <Epoch>(run: TrainingRun<Epoch>, callback: () => void) => void;

/** Whether the training thread waits at an epoch's end. */
export let isAtEpochEnd: <Epoch>(run: TrainingRun<Epoch>) => boolean;

/**
 * Training under way, made by `fit`. Await it for its history, or iterate over its epochs; or both.
 *
 * The run starts right after the code that called `fit`. An iterating run waits at each epoch's end until the
 * next one is asked for, and `break` stops it. Stopped, aborted or broken off, it leaves the model at a
 * step's boundary and resolves with the history so far. What went wrong in training, or in `onEpochEnd`,
 * rejects it.
 */
export class TrainingRun<Epoch = EpochRecord> implements PromiseLike<History<Epoch>>, AsyncIterable<Epoch> {
  readonly #plan: RunPlan<Epoch>;
  readonly #epochs: Epoch[] = [];
  readonly #history: Deferred<History<Epoch>> = deferred();
  readonly #readers = new Set<Reader>();
  readonly #cleanups: (() => void)[] = [];
  /** Resolved at each epoch's and at the run's end, then replaced. */
  #change: Deferred<void> = deferred();
  #native: NativeRun | undefined;
  /** Epochs whose `onEpochEnd` is over. */
  #epochsHandled = 0;
  #epochsAcknowledged = 0;
  /** If not, epochs may be over on the thread that have not arrived here. */
  #startedInLockstep = false;
  #isStopRequested = false;
  #isPaused = false;
  #loggers: LogBook | undefined;
  #checkpoints: CheckpointKeeper | undefined;
  /** What a function of the user's threw. */
  #failure: { readonly error: unknown } | undefined;
  #end: NativeEndEvent | undefined;
  #isSettled = false;

  static {
    whenSettled = (run, callback) => {
      if (run.#isSettled) callback();
      else run.#cleanups.push(callback);
    };
    isAtEpochEnd = (run) =>
      run.#startedInLockstep && run.#end === undefined && run.#epochsAcknowledged < run.#epochs.length;
  }

  /** @internal Use `Trainer.fit`. */
  constructor(plan: RunPlan<Epoch>) {
    this.#plan = plan;
    const { signal } = plan;
    if (signal?.aborted === true) this.stop();
    const onAbort = () => this.stop();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#cleanups.push(() => signal?.removeEventListener('abort', onAbort));
    queueMicrotask(() => this.#begin());
  }

  /** Asks the run to end at the next step's boundary. Does nothing when it has ended. */
  stop(): void {
    if (this.#isStopRequested) return;
    this.#isStopRequested = true;
    if (this.#end === undefined) this.#native?.stop();
  }

  /** Holds the run up at the next step's boundary until `resume`. Predictions and the like go on working. */
  pause(): void {
    this.#setPaused(true);
  }

  /** Lets a paused run go on. */
  resume(): void {
    this.#setPaused(false);
  }

  /** Whether it was paused and not resumed. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaited as a promise is
  then<Value = History<Epoch>, Failure = never>(
    onHistory?: ((history: History<Epoch>) => Value | PromiseLike<Value>) | null,
    onFailure?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    return this.#history.promise.then(onHistory, onFailure);
  }

  /** The run's epochs from its first one on, also for a second iterator. */
  [Symbol.asyncIterator](): AsyncGenerator<Epoch, void, undefined> {
    const epochs = this.#read();
    // A generator would take up `return` and `throw` only after the epoch that it waits for.
    const { return: finish, throw: fail } = epochs;
    epochs.return = (value) => {
      this.stop();
      return finish.call(epochs, value);
    };
    epochs.throw = (error) => {
      this.stop();
      return fail.call(epochs, error);
    };
    return epochs;
  }

  get #isLockstep(): boolean {
    return this.#isObserved || this.#plan.control?.isActive === true;
  }

  /** Whether somebody else may show epochs. */
  get #isObserved(): boolean {
    return this.#plan.onEpochEnd !== undefined || this.#readers.size > 0 || this.#loggers !== undefined;
  }

  get #earlier(): readonly Epoch[] {
    return this.#plan.earlier ?? [];
  }

  get #allEpochs(): readonly Epoch[] {
    return [...this.#earlier, ...this.#epochs];
  }

  #setPaused(on: boolean): void {
    if (on === this.#isPaused) return;
    this.#isPaused = on;
    if (this.#end === undefined) this.#native?.setPaused(on);
  }

  async *#read(): AsyncGenerator<Epoch, void, undefined> {
    const reader: Reader = { epochsDone: 0 };
    this.#readers.add(reader);
    if (this.#end === undefined) this.#native?.setLockstep(true);
    // The iterator hands a failure on, so that the promise need not.
    this.#history.promise.catch(() => {});
    try {
      for (;;) {
        while (reader.epochsDone === this.#epochs.length && !this.#isSettled) await this.#change.promise;
        if (reader.epochsDone === this.#epochs.length) break;
        yield this.#epochs[reader.epochsDone] as Epoch;
        reader.epochsDone++;
        this.#acknowledge();
      }
    } finally {
      this.#readers.delete(reader);
      this.stop();
      this.#acknowledge();
      await this.#history.promise;
    }
  }

  #begin(): void {
    const { prepare } = this.#plan;
    if (prepare === undefined) {
      this.#start();
      return;
    }
    prepare().then(
      () => this.#start(),
      (error) => this.#finish({ type: 'end', reason: 'error', error }),
    );
  }

  #start(): void {
    if (this.#isStopRequested) {
      this.#finish({ type: 'end', reason: 'stopped' });
      return;
    }
    const { loggers = [], openCheckpoints } = this.#plan;
    const fail = (error: unknown) => this.#fail(error);
    try {
      if (loggers.length > 0) this.#loggers = new LogBook(loggers, this.#earlier as readonly object[], fail);
      this.#checkpoints = openCheckpoints?.({ fail, done: () => this.#native?.snapshotDone() });
      this.#startedInLockstep = this.#isLockstep;
      this.#native = this.#plan.start(this.#startedInLockstep, (event) => this.#receive(event));
      if (this.#isPaused) this.#native.setPaused(true);
    } catch (error) {
      this.#finish({ type: 'end', reason: 'error', error: error as Error });
    }
  }

  #receive(event: NativeRunEvent): void {
    if (event.type === 'progress') this.#showBatch(event);
    else if (event.type === 'epoch') void this.#addEpoch(event);
    else if (event.type === 'rates') this.#pushRates(event.step);
    else if (event.type === 'inspection') this.#showInspection(event);
    else if (event.type === 'snapshot') this.#checkpoints?.take(event, this.#allEpochs as readonly object[]);
    else if (event.type === 'end') this.#finish(event);
  }

  #showBatch(event: NativeProgressEvent): void {
    const { progress, onBatchEnd, toBatch } = this.#plan;
    progress?.showBatch(event);
    if (onBatchEnd === undefined || toBatch === undefined || this.#isStopRequested) return;
    // Not awaited, so that an asynchronous one fails later.
    const call = async () => onBatchEnd(toBatch(event), this);
    call().catch((error) => this.#fail(error));
  }

  #showInspection(event: NativeInspectionEvent): void {
    const { onInspection } = this.#plan;
    if (onInspection === undefined || this.#isStopRequested) return;
    const call = async () => onInspection(event);
    call().catch((error) => this.#fail(error));
  }

  #pushRates(step: number): void {
    try {
      const rates = this.#plan.rates(step);
      if (this.#end === undefined) callNative(() => this.#native?.pushRates(step, rates));
    } catch (error) {
      this.#failure ??= { error };
      this.stop();
    }
  }

  async #addEpoch(event: NativeEpochEvent): Promise<void> {
    const epoch = this.#readEpoch(event);
    if (epoch === undefined) return;
    this.#epochs.push(epoch);
    const { progress, onEpochEnd } = this.#plan;
    if (this.#isObserved) progress?.clear();
    else progress?.showEpoch(event);
    progress?.countEpoch();
    this.#loggers?.epoch(epoch as object);
    this.#announce();
    if (onEpochEnd !== undefined) await this.#callBack(onEpochEnd, epoch);
    if (this.#checkpoints !== undefined) await this.#checkpoints.caughtUp();
    this.#epochsHandled++;
    this.#acknowledge();
    this.#settle();
  }

  /** Undefined when a custom metric threw, or a monitored figure is no number, which ends the run. */
  #readEpoch(event: NativeEpochEvent): Epoch | undefined {
    try {
      const epoch = this.#plan.toRecord(event);
      const { control } = this.#plan;
      if (control?.isActive === true) {
        const { requests, stops, best } = control.judge(epoch as object, event.rateScale);
        if (best !== undefined) this.#checkpoints?.expectBest(best);
        this.#native?.ask(requests);
        if (stops) this.stop();
      }
      return epoch;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async #callBack(
    onEpochEnd: (epoch: Epoch, run: TrainingRun<Epoch>) => unknown,
    epoch: Epoch,
  ): Promise<void> {
    try {
      await onEpochEnd(epoch, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.stop();
  }

  /** Lets the thread go on when everybody is done with all epochs so far. */
  #acknowledge(): void {
    const done = Math.min(this.#epochsHandled, ...[...this.#readers].map((reader) => reader.epochsDone));
    if (done < this.#epochs.length || done === this.#epochsAcknowledged) return;
    this.#epochsAcknowledged = done;
    if (this.#end === undefined) this.#native?.acknowledge();
  }

  #finish(end: NativeEndEvent): void {
    this.#end = end;
    this.#settle();
  }

  /** Once, when the thread has ended and the last `onEpochEnd` is over. */
  #settle(): void {
    if (this.#end === undefined || this.#epochsHandled < this.#epochs.length) return;
    const end = this.#end;
    const history: History<Epoch> = Object.freeze({
      epochs: Object.freeze(this.#allEpochs),
      reason: this.#reasonOf(end),
    });
    const writing = [
      this.#loggers?.end(history as History<object>),
      this.#checkpoints?.end(),
      this.#writeReport(end, history),
    ];
    if (writing.every((part) => part === undefined)) this.#conclude(end, history);
    else void Promise.all(writing).then(() => this.#conclude(end, history));
  }

  /** Undefined: there is none to write. */
  #writeReport(end: NativeEndEvent, history: History<Epoch>): Promise<void> | undefined {
    const hasFailed =
      end.reason === 'error' || this.#failure !== undefined || this.#plan.failure() !== undefined;
    if (hasFailed || history.epochs.length === 0) return undefined;
    return this.#plan.report?.(history as unknown as History).catch((error) => this.#fail(error));
  }

  #reasonOf(end: NativeEndEvent): EndReason {
    if (end.reason !== 'error' && this.#plan.control?.isOver === true) return 'earlyStopping';
    return end.reason === 'error' ? 'stopped' : end.reason;
  }

  #conclude(end: NativeEndEvent, history: History<Epoch>): void {
    this.#isSettled = true;
    for (const cleanup of [() => this.#plan.progress?.end(), ...this.#cleanups]) this.#cleanUp(cleanup);
    const failure = this.#failure ?? this.#plan.failure();
    if (failure !== undefined) this.#history.reject(failure.error);
    else if (end.reason === 'error') this.#history.reject(toGradloomError(end.error));
    else this.#history.resolve(history);
    this.#announce();
  }

  /** What a source or a signal of the user's throws when it is given up must not keep the run from its end. */
  #cleanUp(cleanup: () => void): void {
    try {
      cleanup();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #announce(): void {
    const change = this.#change;
    this.#change = deferred();
    change.resolve();
  }
}
