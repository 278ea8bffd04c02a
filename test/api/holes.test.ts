/** Lists with holes, which `every` and `map` pass over: a hole is a wrong item as others are. */
import test from 'ava';
import * as gradloom from '../../lib/index.ts';
import { wrongly } from './errors.ts';

const { adagrad, dense, fromArrays, sequential, Trainer } = gradloom;
const holes = () => wrongly(new Array(2));

const net = () => sequential({ inputShape: [2] }, [dense({ units: 2 })]);
const data = fromArrays({ inputs: [[1, 2]], inputShape: [2], labels: [0] });
const options = { optimizer: adagrad(), loss: 'softmaxCrossEntropy' } as const;

const USES: Readonly<Record<string, () => unknown>> = {
  inputShape: () => sequential({ inputShape: holes() }, [dense({ units: 2 })]),
  kernelSize: () => gradloom.conv2d({ filters: 2, kernelSize: holes() }),
  'shape of reshape': () => gradloom.reshape({ shape: holes() }),
  nodes: () => gradloom.add(holes()),
  metrics: () => new Trainer(net(), { ...options, metrics: holes() }),
  groups: () => adagrad({ groups: holes() }),
  'parameters of a group': () => adagrad({ groups: [{ parameters: holes() }] }),
  loggers: () => new Trainer(net(), options).fit(data, { loggers: holes() }),
  classWeights: () => gradloom.softmaxCrossEntropy({ classWeights: holes() }),
  milestones: () => gradloom.multiStepDecay({ from: 0.1, milestones: holes(), factor: 0.5 }),
  freeze: () => net().fork({ freeze: holes() }, []),
  inputs: () => fromArrays({ inputs: holes(), inputShape: [2], labels: [0, 1] }),
  labels: () => fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: holes() }),
  classNames: () => fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: [0, 1], classNames: holes() }),
  places: () => data.select(holes()),
  sizes: () => data.split({ sizes: holes() }),
  mean: () => data.normalize({ mean: holes() }),
  columns: () => gradloom.fromRows([{ a: 1, y: 1 }], { target: 'y', columns: holes() }),
  rows: () => gradloom.fromRows(holes(), { target: 'y' }),
  crosses: () => gradloom.vw('none.vw', { crosses: [holes()] }),
  'sets of crosses': () => gradloom.vw('none.vw', { crosses: holes() }),
  texts: () => gradloom.countVectorizer(holes()),
  stopWords: () => gradloom.countVectorizer(['a b'], { stopWords: holes() }),
  words: () => gradloom.word2vec([wrongly(['a', ...new Array(1), 'a b']), holes()], { minCount: 1 }),
  towers: () => gradloom.recommender({ users: [0], items: [0] }, { towers: holes() }),
  values: () =>
    gradloom.minimize(
      () => ({ value: 0, gradient: { x: [] } }),
      { x: holes() },
      { steps: 1, optimizer: adagrad() },
    ),
};

for (const [name, use] of Object.entries(USES)) {
  test(`holes in ${name} are refused`, async (t) => {
    const error = await t.throwsAsync(async () => use());
    t.true(error instanceof gradloom.GradloomError, error?.stack);
    t.regex((error as gradloom.GradloomError).code, /^(INVALID_OPTION|INVALID_DATA|SHAPE_MISMATCH)$/);
  });
}
