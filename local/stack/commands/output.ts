/** What a command says: the result on standard output, everything else on standard error. */
export interface Output {
  /** For a person, or with --json one object. */
  result(text: string, data: unknown): void;
  note(line: string): void;
}

export function createOutput(json: boolean): Output {
  return {
    result: (text, data) => process.stdout.write(`${json ? JSON.stringify(data, undefined, 2) : text}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
  };
}
