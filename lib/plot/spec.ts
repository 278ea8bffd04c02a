/** Vega-Lite's descriptions of pictures, as far as this folder needs their type: its own types exist only where it is installed. */
export type Spec = { readonly [key: string]: unknown };

/** One row of a picture's data. Null is a gap. */
export type Datum = { readonly [field: string]: string | number | boolean | null };
