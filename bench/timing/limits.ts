/**
 * What the machine can do at most, on as many threads as the steps run on, measured beside what is compared with it: the speed of a
 * machine that others share changes by the second. Arithmetic: independent chains of float32 multiply-adds in registers, by Highway's
 * best target. Division: chains of square roots and divisions by turns, which have a unit of their own; rules that divide more often than
 * they take roots may come to more than 100 %. Memory: `y = a x + y` over working sets of all threads together, 12 bytes an element.
 * Rows of tables: as many bytes as a row takes with what the optimizer keeps beside it, read or changed in random order, each prefetched
 * as kernels do.
 */
import { type NativeTable, native } from '../../lib/native/index.ts';

/** 32 KiB to 256 MiB: from L1 to memory. */
const WORKING_SETS: readonly number[] = Array.from({ length: 14 }, (_, place) => 2 ** (15 + place));
/** For each figure. */
const SECONDS = 0.02;
/** By which a check finds what there is. */
const PROBES = 5;

export interface Limits {
  /** Float32 multiply-adds count two. */
  readonly flopsPerSecond: number;
  /** Of memory where so many bytes are gone through again and again. */
  bytesPerSecond(workingSet: number): number;
}

/** Of the parts of a step. */
export interface StepLimits extends Limits {
  /** Square roots and divisions, by turns. */
  readonly divisionsPerSecond: number;
  /** Of rows in random order; undefined for such as were not measured. */
  rowBytesPerSecond(row: Omit<NativeTable, 'bytes'>): number | undefined;
}

/** The best of all measurements so far: other programs make a machine slower, never faster. */
export class MachineLimits implements StepLimits {
  readonly #threads: number;
  readonly #tables: readonly NativeTable[];
  #flopsPerSecond = 0;
  #divisionsPerSecond = 0;
  #bytesPerSecond: readonly number[] = WORKING_SETS.map(() => 0);
  #rowBytesPerSecond: readonly number[];
  /** Of all measurements, as the system behind a virtual machine may move its cores apart. */
  readonly #roundTrips: number[] = [];

  /** Of so many threads together; of rows, for these tables alone. */
  constructor(threads: number, tables: readonly NativeTable[] = []) {
    this.#threads = threads;
    this.#tables = tables;
    this.#rowBytesPerSecond = tables.map(() => 0);
  }

  measure(): void {
    const { flopsPerSecond, divisionsPerSecond, bytesPerSecond, rowBytesPerSecond, roundTripSeconds } =
      native.machineLimits({
        threads: this.#threads,
        seconds: SECONDS,
        workingSets: WORKING_SETS,
        tables: this.#tables,
      });
    this.#roundTrips.push(roundTripSeconds);
    this.#flopsPerSecond = Math.max(this.#flopsPerSecond, flopsPerSecond);
    this.#divisionsPerSecond = Math.max(this.#divisionsPerSecond, divisionsPerSecond);
    this.#rowBytesPerSecond = this.#rowBytesPerSecond.map((rate, place) =>
      Math.max(rate, rowBytesPerSecond[place] as number),
    );
    // What lies in a larger set lies in a smaller one, too.
    const best = this.#bytesPerSecond.map((rate, place) => Math.max(rate, bytesPerSecond[place] as number));
    this.#bytesPerSecond = best.map((_, place) => Math.max(...best.slice(place)));
  }

  get flopsPerSecond(): number {
    return this.#flopsPerSecond;
  }

  get divisionsPerSecond(): number {
    return this.#divisionsPerSecond;
  }

  /** Between two measured sizes by the logarithm. */
  bytesPerSecond(workingSet: number): number {
    const place = Math.log2(workingSet / (WORKING_SETS[0] as number));
    const last = WORKING_SETS.length - 1;
    const below = Math.min(Math.max(Math.floor(place), 0), last);
    const above = Math.min(below + 1, last);
    const [from, to] = [this.#bytesPerSecond[below] as number, this.#bytesPerSecond[above] as number];
    return from + (to - from) * Math.min(Math.max(place - below, 0), 1);
  }

  rowBytesPerSecond(row: Omit<NativeTable, 'bytes'>): number | undefined {
    return this.#rowBytesPerSecond[this.#tables.findIndex(hasSameRows(row))];
  }

  /** Of the last measurement: of a cache line from one core to another and back; 0 for one thread. */
  get roundTripSeconds(): number {
    return this.#roundTrips.at(-1) ?? 0;
  }

  /** For people: GFLOP/s, GB/s, and how far cores are from each other. */
  describe(): string {
    const sizes = [2 ** 18, 2 ** 22, 2 ** 28];
    const rates = sizes.map(
      (size) => `${(this.bytesPerSecond(size) / 1e9).toFixed(0)} (${formatBytes(size)})`,
    );
    const rows = this.#tables.map(
      (table, place) =>
        `${((this.#rowBytesPerSecond[place] as number) / 1e9).toFixed(0)} (rows of ${table.rowBytes} bytes ${table.written ? 'changed' : 'read'} anywhere in ${formatBytes(table.bytes)})`,
    );
    const limits = `${(this.flopsPerSecond / 1e9).toFixed(0)} GFLOP/s, ${(this.divisionsPerSecond / 1e9).toFixed(1)} billion roots and divisions a second, GB/s ${[...rates, ...rows].join(', ')}`;
    if (this.#threads === 1) return limits;
    const [least, most] = [Math.min(...this.#roundTrips), Math.max(...this.#roundTrips)];
    return `${limits}, from core to core and back ${(least * 1e9).toFixed(0)} to ${(most * 1e9).toFixed(0)} ns`;
  }
}

/**
 * Whether threads get as many cores as before. The system behind a virtual machine may put two of its processors on one
 * core for some seconds; other programs take cores likewise.
 */
export class CoreCheck {
  readonly #threads: number;
  #most = 0;

  constructor(threads: number) {
    this.#threads = threads;
    for (let probe = 0; probe < PROBES; probe++) this.hasLess();
  }

  /** What all threads multiply and add together, in multiples of what one does; compared with the most so far. */
  hasLess(): boolean {
    if (this.#threads === 1) return false;
    const cores = flopsPerSecond(this.#threads) / flopsPerSecond(1);
    this.#most = Math.max(this.#most, cores);
    return cores < 0.8 * this.#most;
  }
}

function flopsPerSecond(threads: number): number {
  return native.machineLimits({ threads, seconds: SECONDS, workingSets: [], tables: [] }).flopsPerSecond;
}

export function hasSameRows({
  rowBytes,
  written,
}: Omit<NativeTable, 'bytes'>): (table: NativeTable) => boolean {
  return (table) => table.rowBytes === rowBytes && table.written === written;
}

function formatBytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
