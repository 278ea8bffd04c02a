/** Calls of all that is exported, as a user makes them: what a hostile caller begins with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as gradloom from '../../lib/index.ts';

const { adagrad, dense, fromArrays, fromSparse, iris, sequential, Trainer, FunctionOptimizer } = gradloom;

export interface Call {
  readonly name: string;
  readonly call: (...args: never[]) => unknown;
  /** What works. */
  readonly args: readonly unknown[];
}

/** Arguments of exported functions; the others take none that are needed, or an options object that may be left out. */
async function exampleArguments(folder: string): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const file = (name: string) => join(folder, name);
  const rows = [
    { age: 3, city: 'Oslo', y: 1 },
    { age: 5, city: 'Rome', y: 0 },
  ];
  const train = fromArrays({
    inputs: [
      [1, 2],
      [3, 4],
    ],
    inputShape: [2],
    labels: [0, 1],
  });
  const amounts = fromArrays({
    inputs: [
      [1, 2],
      [3, 4],
    ],
    inputShape: [2],
    labels: [[0.5], [1]],
  });
  const ids = fromArrays({ inputs: Int32Array.of(1, 2), inputShape: [1] });
  const inputs = gradloom.fromInputs({ inputs: { a: train, b: amounts }, labels: [0, 1] });
  const [node, other] = [gradloom.input([2]), gradloom.input([2])];
  const table = await gradloom.fromRows(rows, { target: 'y', categories: 'index' });
  const recommended = await gradloom.recommender({ users: [0, 1], items: [1, 0] }, { epochs: 1 });
  const model = sequential({ inputShape: [2] }, [dense({ units: 2 })]);
  const run = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' }).fit(train, {});
  await run;
  writeFileSync(file('a.csv'), 'age,city,y\n3,Oslo,1\n5,Rome,0\n');
  writeFileSync(file('a.json'), JSON.stringify(rows));
  writeFileSync(file('a.ndjson'), rows.map((row) => JSON.stringify(row)).join('\n'));
  writeFileSync(file('a.svm'), '1 1:0.5\n0 2:1\n');
  writeFileSync(file('a.vw'), '1 | a:0.5\n0 | b\n');
  writeFileSync(file('a.txt'), '2 2\none 1 2\ntwo 3 4\n');
  await gradloom.writeNpy(file('a.npy'), { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
  await gradloom.writeNpy(file('b.npy'), { shape: [2], data: Int32Array.of(0, 1) });
  await model.save(file('a.safetensors'));
  await recommended.save(file('shop.safetensors'));
  const texts = ['one two three', 'two three four'];
  const window = { kernelSize: 3, strides: 2, padding: 'same', dilation: 1, groups: 1 };
  const layer = { units: 3, activation: 'relu', bias: true, name: 'mine', trainable: true };
  return {
    conv2d: [{ filters: 4, activation: 'relu', name: 'mine', ...window }],
    dense: [layer],
    maxPool2d: [{ poolSize: 2, strides: 2, padding: 'same' }],
    averagePool2d: [{ poolSize: [2, 2], strides: 1 }],
    reshape: [{ shape: [2, 2] }],
    zeroPad2d: [{ padding: 2 }],
    upsample2d: [{ size: 2 }],
    dropout: [{ rate: 0.5, name: 'mine' }],
    embedding: [{ rows: 10, units: 3 }],
    embeddingBag: [{ units: 3, pooling: 'sum' }],
    sparseDense: [{ units: 3 }],
    residual: [[dense({ units: 2 })]],
    sequential: [{ inputShape: [2], seed: 1 }, [dense({ units: 3 })]],
    input: [[3]],
    graph: [{ inputs: { node }, output: node.pipe(dense({ units: 2 })) }],
    fromArrays: [
      {
        inputs: [
          [1, 2],
          [3, 4],
        ],
        inputShape: [2],
        labels: [0, 1],
        sampleWeights: Float32Array.of(1, 2),
      },
    ],
    fromSparse: [{ inputShape: [8], samples: [[1], { indices: [2], values: [0.5] }], labels: [0, 1] }],
    fromInputs: [{ inputs: { a: train, b: train.normalize({ mean: 1 }) }, labels: [0, 1] }],
    crossFeatures: [
      [ids, gradloom.fromSparse({ inputShape: [8], samples: [[1], [2, 3]] })],
      { features: 16 },
    ],
    fromRows: [rows, { target: 'y' }],
    fromStream: [[train], { inputShape: [2], samplesPerEpoch: 2 }],
    fromTexts: [{ texts, labels: [0, 1], vectorizer: gradloom.countVectorizer(texts) }],
    standardize: [train, train],
    csv: [file('a.csv'), { target: 'y' }],
    readCsv: [file('a.csv'), { columns: ['age', 'y'] }],
    json: [file('a.json'), { target: 'y' }],
    ndjson: [file('a.ndjson'), { target: 'y' }],
    libsvm: [file('a.svm'), { features: 4 }],
    vw: [file('a.vw'), { features: 4 }],
    npy: [{ inputs: file('a.npy'), labels: file('b.npy') }],
    idx: [{ images: file('a.idx'), labels: file('b.idx') }],
    cifar10: [{ folder }],
    imageFolder: [folder, { size: [4, 4] }],
    loadModel: [file('a.safetensors')],
    loadWordVectors: [file('a.txt')],
    listCheckpoints: [folder],
    writeNpy: [file('out.npy'), { shape: [2], data: new Float32Array(2) }],
    csvLogger: [file('log.csv')],
    jsonLinesLogger: [file('log.ndjson')],
    customLoss: [{ name: 'mine', labels: 'class', loss: () => ({ value: 0, gradient: [] }) }],
    customMetric: [{ name: 'mine', compute: () => 0 }],
    minimize: [
      () => ({ value: 0, gradients: { x: [0, 0] } }),
      { x: [1, 2] },
      { steps: 2, optimizer: adagrad() },
    ],
    countVectorizer: [texts, { ngrams: [1, 2], minDocuments: 1 }],
    tfidfVectorizer: [texts, { ngrams: [1, 1] }],
    hashingVectorizer: [{ features: 16 }],
    tokenizer: [{ lowercase: true }],
    textClassifier: [texts, [0, 1], { epochs: 1 }],
    linearClassifier: [train, { epochs: 1 }],
    linearRegressor: [amounts, { epochs: 1 }],
    wideAndDeep: [inputs, { wide: ['a'], epochs: 1 }],
    recommender: [{ users: [0, 1], items: [1, 0] }, { epochs: 1 }],
    word2vec: [texts, { epochs: 1, units: 4, minCount: 1 }],
    glove: [texts, { epochs: 1, units: 4, minCount: 1 }],
    historyToCsv: [{ epochs: [{ epoch: 1, loss: 0.5 }] }],
    stepDecay: [{ from: 0.1, every: 10, factor: 0.5 }],
    multiStepDecay: [{ from: 0.1, milestones: [3, 5], factor: 0.5 }],
    exponentialDecay: [{ from: 0.1, every: 10, factor: 0.5 }],
    polynomialDecay: [{ from: 0.1, to: 0.01, steps: 10, power: 2 }],
    cosineDecay: [{ from: 0.1, to: 0.01, steps: 10 }],
    oneCycle: [{ peak: 0.1, steps: 10 }],
    warmUp: [{ steps: 10, into: 0.1 }],
    gaussianNoise: [{ standardDeviation: 0.1 }],
    spatialDropout: [{ rate: 0.1 }],
    inBatchNegatives: [{ count: 3 }],
    add: [[node, other]],
    concat: [[node, other]],
    multiply: [[node, other]],
    dot: [[node, other]],
    readNpy: [file('a.npy')],
    readIdx: [file('a.idx')],
    readCifar10: [file('data_batch_1.bin')],
    readShards: [folder],
    writeShards: [train, file('shards')],
    fromTable: [table],
    stopOnSignal: [run],
    loadRecommender: [file('shop.safetensors')],
    recommend: [recommended.model, 0, { count: 1, exclude: [1] }],
    softmaxCrossEntropy: [{ labelSmoothing: 0.1, classWeights: [1, 2] }],
    adam: [{ learningRate: 0.1, beta1: 0.9, amsgrad: true, direction: 'minimize' }],
    shampoo: [{ learningRate: 0.1, blockSize: 4, rootEvery: 2 }],
    huber: [{ delta: 1 }],
    topKAccuracy: [{ k: 2 }],
    adagrad: [
      { learningRate: 0.1, epsilon: 1e-8, groups: [{ parameters: 'bias', learningRateMultiplier: 0.1 }] },
    ],
    sgd: [{ learningRate: 0.1, momentum: 0.9, nesterov: true }],
  };
}

/** Methods of what users hold, with arguments that work. */
async function methods(folder: string): Promise<Call[]> {
  const data = (await iris()).take(12);
  const sparse = fromSparse({ inputShape: [8], samples: [[1], [2, 3]], labels: [0, 1] });
  const model = sequential({ inputShape: [4], seed: 1 }, [dense({ units: 3 })]);
  const options = {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    threads: 1,
  } as const;
  const trainer = new Trainer(model, options);
  await trainer.fit(data, { checkpoint: { folder } });
  await model.save(join(folder, 'model.safetensors'));
  await trainer.save(join(folder, 'trainer.safetensors'));
  const optimizer = new FunctionOptimizer({ x: new Float32Array(2) }, { optimizer: adagrad() });
  const subjects: Readonly<Record<string, [object, Readonly<Record<string, readonly unknown[]>>]>> = {
    'dataset.': [
      data,
      {
        take: [3],
        select: [[0, 2]],
        split: [{ fraction: 0.5, seed: 1, stratify: 'labels' }],
        kFold: [{ k: 3, seed: 1 }],
        filter: [() => true],
        concat: [data],
        at: [1],
        labelAt: [1],
        shuffle: [3],
        normalize: [{ mean: 1, std: 2 }],
        map: [() => [1, 2, 3, 4], { inputShape: [4] }],
      },
    ],
    'sparse.': [sparse, { take: [1], at: [0], concat: [sparse] }],
    'model.': [
      model,
      {
        predict: [data, { batchSize: 4, threads: 1 }],
        predictSync: [[[1, 2, 3, 4]]],
        classify: [[[1, 2, 3, 4]]],
        evaluate: [data, { loss: 'softmaxCrossEntropy', metrics: ['accuracy'], batchSize: 4 }],
        gradient: [[[1, 2, 3, 4]], { of: 0 }],
        save: [join(folder, 'model.safetensors')],
        setWeights: [model.getWeights()],
        fork: [{ seed: 3 }, [dense({ units: 2 })]],
        loadWeights: [join(folder, 'model.safetensors')],
        loadPyTorch: [join(folder, 'none')],
        plan: [{ batchSize: 4 }],
      },
    ],
    'trainer.': [
      trainer,
      {
        fit: [
          data,
          { epochs: 1, batchSize: 4, shuffle: 'never', validation: data, maxSteps: 2, loggers: [] },
        ],
        evaluate: [data, { batchSize: 4 }],
        trainStep: [[[1, 2, 3, 4]], [1]],
        save: [join(folder, 'trainer.safetensors')],
      },
    ],
    'functionOptimizer.': [optimizer, { step: [{ x: new Float32Array(2) }] }],
  };
  const calls: Call[] = [];
  for (const [prefix, [subject, args]] of Object.entries(subjects)) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(subject))) {
      const { value } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(subject), name) ?? {};
      if (typeof value !== 'function' || name === 'constructor' || name === 'dispose') continue;
      calls.push({ name: prefix + name, call: value.bind(subject), args: args[name] ?? [] });
    }
  }
  const shop = await gradloom.recommender({ users: ['a', 'b'], items: ['x', 'y'] }, { epochs: 1 });
  const asked = {
    recommend: ['a', { count: 1, exclude: ['x'] }],
    recommendFor: [['x'], { count: 1 }],
    similarItems: ['x', { count: 1 }],
    evaluate: [{ users: ['a'], items: ['y'] }, { count: 1 }],
    save: [join(folder, 'shop.safetensors')],
  };
  for (const [name, args] of Object.entries(asked)) {
    calls.push({ name: `shop.${name}`, call: shop[name as keyof typeof asked] as Call['call'], args });
  }
  calls.push(
    {
      name: 'new Trainer',
      call: (...args) => new Trainer(...(args as [never, never])),
      args: [model, options],
    },
    {
      name: 'new FunctionOptimizer',
      call: (...args) => new FunctionOptimizer(...(args as [never, never])),
      args: [{ x: [1, 2] }, { optimizer: adagrad() }],
    },
    {
      name: 'Trainer.load',
      call: (...args) => Trainer.load(...(args as [never])),
      args: [join(folder, 'none')],
    },
    {
      name: 'Trainer.resume',
      call: (...args) => Trainer.resume(...(args as [never, never])),
      args: [folder, data, { maxSteps: 2 }],
    },
  );
  return calls;
}

const isClass = (value: unknown) => typeof value === 'function' && /^class\b/.test(String(value));

export async function exportedCalls(folder: string): Promise<Call[]> {
  const args = await exampleArguments(folder);
  const functions = Object.entries(gradloom)
    .filter(([, value]) => typeof value === 'function' && !isClass(value))
    .map(([name, value]) => ({ name, call: value as Call['call'], args: args[name] ?? [{}] }));
  return [...functions, ...(await methods(folder))];
}
