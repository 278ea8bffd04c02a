/** Prints which instruction set kernels are for, and what a small model makes of ones; or the code and text of the error. */
try {
  const { dense, info, sequential } = await import('../../../lib/index.ts');
  const layers = [dense({ units: 70, activation: 'relu' }), dense({ units: 1 })] as const;
  const model = sequential({ inputShape: [40], seed: 1 }, layers);
  const [y] = model.predictSync(new Float32Array(40).fill(1)).data;
  console.log(JSON.stringify({ simdTarget: info().simdTarget, y }));
} catch (error) {
  const { code, message } = error as { readonly code: string; readonly message: string };
  console.log(JSON.stringify({ code, message }));
}
