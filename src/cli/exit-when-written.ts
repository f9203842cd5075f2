/** Ends the process with its exit code once all that it has written has arrived, whatever timers and connections there are. */
export async function exitWhenWritten(): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(written));
  process.exit();
}

/** Where the reader of a pipe has ended, nothing arrives any more. */
async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return;
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
