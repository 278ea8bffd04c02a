import { makeNet, NETS } from '../nets.ts';
import type { PromiseProof } from '../promise.ts';

/** Operands from memory, so that nothing is computed before the program runs. */
const operands = new Float64Array([Number.MIN_VALUE, 1, 3, 2.2250738585072014e-308, 4, 0.1]);

/** Denormals as operands and results, and quotients that another rounding mode would move. */
function probe(): readonly number[] {
  const [denormal = 0, one = 0, three = 0, small = 0, four = 0, tenth = 0] = operands;
  return [denormal * one, small / four, one / three, -one / three, tenth + tenth + tenth];
}

export const floatingPoint: PromiseProof = {
  number: 7,
  title: 'the floating-point mode of the JavaScript thread is the same before and after training',
  async prove({ length, seed, tally }) {
    const expected = [5e-324, 5.562684646268003e-309, 1 / 3, -1 / 3, 0.1 + 0.1 + 0.1];
    const check = (when: string) => {
      tally.tried();
      if (probe().some((value, place) => !Object.is(value, expected[place])))
        tally.fail(`${when}: ${probe()}`);
    };
    check('after loading');
    for (let round = 0; round < (length === 'long' ? 200 : 2); round++) {
      for (const net of NETS) {
        const { train, trainer } = await makeNet(net, seed + round, 2);
        await trainer.fit(train, { maxSteps: 3 });
        check(`${net} trained`);
        await trainer.evaluate(train.take(8));
        check(`${net} evaluated`);
        trainer.model.predictSync(train.take(1));
        check(`${net} predicted here`);
      }
    }
    return {};
  },
};
