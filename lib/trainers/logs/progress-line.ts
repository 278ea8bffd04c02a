import type { NativeEpochEvent, NativeEvaluation, NativeProgressEvent } from '../../native/index.ts';

type Batch = NativeEvaluation & Pick<NativeProgressEvent, 'epoch' | 'batch' | 'batches'>;
type Epoch = NativeEvaluation & Pick<NativeEpochEvent, 'epoch' | 'samplesPerSecond' | 'validation'>;

/** A terminal, or what stands for one. */
export interface LineOutput {
  write(text: string): unknown;
  readonly columns?: number;
}

const BAR_WIDTH = 20;
const DEFAULT_COLUMNS = 80;
const START_OF_LINE = '\r';
const CLEAR_TO_END = '\u001b[K';
/** At least this long between two states of the line. */
export const PROGRESS_INTERVAL_MS = 100;

export interface ProgressLineOptions {
  readonly output: LineOutput;
  /** Of the run; infinity for a stream without a bound. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly metricNames: readonly string[];
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** The one line of a terminal that shows how far a run is, written over and over. */
export class ProgressLine {
  readonly #options: ProgressLineOptions;
  #epochsDone = 0;
  #epochStart: number;
  #lastDrawn = Number.NEGATIVE_INFINITY;
  #line = '';

  constructor(options: ProgressLineOptions) {
    this.#options = options;
    this.#epochStart = options.now();
  }

  showBatch(event: Batch): void {
    const { batch, batches } = event;
    const filled = Math.round((batch / batches) * BAR_WIDTH);
    const bar = '='.repeat(filled).padEnd(BAR_WIDTH);
    const seconds = (this.#options.now() - this.#epochStart) / 1000;
    const speed = seconds > 0 ? (batch * this.#options.batchSize) / seconds : 0;
    this.#line = this.#compose(event, `[${bar}] ${batch}/${batches}`, speed);
    // Others may have asked for events more often.
    if (this.#options.now() - this.#lastDrawn >= PROGRESS_INTERVAL_MS) this.#draw();
  }

  /** For runs whose epochs nobody else shows. */
  showEpoch(event: Epoch): void {
    this.#line = this.#compose(event, `[${'='.repeat(BAR_WIDTH)}]`, event.samplesPerSecond);
    if (event.validation !== undefined) this.#line += `  validation ${this.#figures(event.validation)}`;
    if (this.#options.now() - this.#lastDrawn >= PROGRESS_INTERVAL_MS) this.#draw();
  }

  countEpoch(): void {
    this.#epochsDone++;
    this.#epochStart = this.#options.now();
  }

  /** Makes room for what the user's code prints. */
  clear(): void {
    if (this.#lastDrawn === Number.NEGATIVE_INFINITY) return;
    this.#options.output.write(START_OF_LINE + CLEAR_TO_END);
    this.#line = '';
  }

  /** Leaves the last state standing. */
  end(): void {
    if (this.#line === '') return;
    this.#draw();
    this.#options.output.write('\n');
  }

  #compose(event: Batch | Epoch, bar: string, speed: number): string {
    const first = event.epoch - this.#epochsDone;
    const { epochs } = this.#options;
    const of = Number.isFinite(epochs) ? `/${first + epochs - 1}` : '';
    const samples = Math.round(speed).toLocaleString('en-US');
    return `epoch ${event.epoch}${of}  ${bar}  ${this.#figures(event)}  ${samples} samples/s`;
  }

  #figures({ loss, metrics }: NativeEvaluation): string {
    const named = this.#options.metricNames.flatMap((name, index) => {
      const figure = metrics[index];
      return typeof figure === 'number' ? `${name} ${figure.toFixed(4)}` : [];
    });
    return [`loss ${loss.toFixed(4)}`, ...named].join('  ');
  }

  #draw(): void {
    const { output, now } = this.#options;
    this.#lastDrawn = now();
    // A line that fills the last column wraps on some terminals.
    const width = (output.columns ?? DEFAULT_COLUMNS) - 1;
    output.write(START_OF_LINE + this.#line.slice(0, width) + CLEAR_TO_END);
  }
}
