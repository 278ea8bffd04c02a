import { checkWritable } from '../../formats/files.ts';
import type { History } from '../../history/history.ts';
import { factsOf, type RunFacts } from '../../history/run-facts.ts';

/** The page that a run writes at its end. What writes it is loaded by runs that want one. */
export class RunReport {
  readonly #path: string;

  /** Throws when nothing can be written there: the end of a run is too late to hear of it. */
  constructor(path: string) {
    checkWritable(path);
    this.#path = path;
  }

  /** Before the run, so that a missing package does not cost one. */
  async prepare(): Promise<void> {
    const { loadVega } = await import('../../plot/packages.ts');
    await loadVega('fit with report');
  }

  async write(run: unknown, history: History): Promise<void> {
    const { writePage } = await import('../../report/write-report.ts');
    await writePage(factsOf(run) as RunFacts, history, this.#path);
  }
}
