import { lastLineOf, runProgram } from '../../process/run-program.ts';
import type { PromiseProof } from '../promise.ts';

export const workers: PromiseProof = {
  number: 8,
  title: 'workers that load the addon, train and die, on a main thread without it: no crash, threads flat',
  async prove({ length, tally }) {
    // So many workers, so many of them at a time.
    const rounds =
      length === 'long'
        ? ([
            [1000, 1],
            [1000, 8],
          ] as const)
        : ([[8, 2]] as const);
    const facts: Record<string, number> = {};
    for (const [count, atATime] of rounds) {
      const { code, signal, stdout, stderr } = await runProgram('workers', [count, atATime], [], (line) =>
        tally.hear(line),
      );
      const name = `${count} workers, ${atATime} at a time`;
      if (code !== 0 || signal !== null || stderr !== '') {
        tally.fail(`${name}: code ${code}, signal ${signal}, ${stderr.slice(0, 300)}`);
        continue;
      }
      const { codes, threadsBefore, threadsAfter } = JSON.parse(lastLineOf(stdout));
      const wrong = codes.filter((exit: number) => exit !== 0 && exit !== 1).length;
      if (wrong > 0 || codes.length !== count) tally.fail(`${name}: ${codes.length} ended, ${wrong} wrongly`);
      // OpenMP keeps the pool of a thread that ended for the next one.
      if (threadsAfter > threadsBefore + 8)
        tally.fail(`${name}: ${threadsBefore} threads, then ${threadsAfter}`);
      facts[`threadsAfter${atATime}AtATime`] = threadsAfter;
    }
    return { facts };
  },
};
