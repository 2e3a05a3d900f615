// The npm build of Deno's standard library has no types, so they are declared by hand.
// @ts-types="./std_streams.d.ts"
export { LimitedBytesTransformStream } from "deno-std/streams/limited_bytes_transform_stream.js";
// @ts-types="./std_streams.d.ts"
export { TextLineStream } from "deno-std/streams/text_line_stream.js";
// @ts-types="./std_streams.d.ts"
export { toText } from "deno-std/streams/to_text.js";
