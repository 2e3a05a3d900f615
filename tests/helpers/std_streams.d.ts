// Types of the `streams` package of Deno's standard library, as far as the tests use it.

export declare class LimitedBytesTransformStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(size: number, options?: { error?: boolean });
}

export declare class TextLineStream extends TransformStream<string, string> {
  constructor(options?: { allowCR?: boolean });
}

export declare function toText(stream: ReadableStream): Promise<string>;
