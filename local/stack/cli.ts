/** `npm run stack -- up|status|logs|down`: real counterparts of everything that certman talks to, on this machine. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { executables } from './build/executables.ts';
import { down } from './commands/down.ts';
import { logs } from './commands/logs.ts';
import { createOutput } from './commands/output.ts';
import { status } from './commands/status.ts';
import type { UpOptions } from './commands/up.ts';
import { LocalStackError, messageOf } from './local-stack-error.ts';
import { ALL_TOOLS, TOOLS, type ToolName } from './versions.ts';

interface Common {
  readonly state: string;
  readonly json: boolean;
}

const DEFAULT_STATE = '.certman/stack';

function lines(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value;
  throw new InvalidArgumentError('a whole number from 0 to 10000');
}

const ending = new AbortController();

function program(): Command {
  const root = new Command('stack')
    .description(
      'The local stack: Temporal, Kubernetes API, ACME CA, Route 53 and DNS on loopback, without containers.',
    )
    .showHelpAfterError();
  const command = (name: string, description: string): Command =>
    root
      .command(name)
      .description(description)
      .option('--state <folder>', 'folder of everything that the stack writes', DEFAULT_STATE)
      .option('--json', 'the result as JSON', false);
  command(
    'up',
    'Starts the stack; Ctrl-C ends it. The first time, the parts are downloaded, or built where that cannot be.',
  )
    .option('--detach', 'go on in the background; `down` ends it', false)
    .option('--keep', 'go on with the objects and workflows of the last time', false)
    .option('--zone <name>', 'a hosted zone to begin with', 'demo.example.com')
    .action(async ({ detach, keep, zone, state, json }: Common & { detach: boolean; keep: boolean; zone: string }) => {
      // What it needs takes a second to load, and no other command needs it.
      const { upInBackground, upInForeground } = await import('./commands/up.ts');
      const options: UpOptions = { stateDir: resolve(state), keep, zone, json };
      if (detach) await upInBackground(options, createOutput(json));
      else await upInForeground(options, createOutput(json), ending.signal);
    });
  command('status', 'Which parts run, and where. Exit code 1 when not all do.').action(
    async ({ state, json }: Common) => {
      if (!(await status(resolve(state), createOutput(json)))) process.exitCode = 1;
    },
  );
  command('logs', 'What the parts wrote.')
    .argument('[parts...]', 'only these, such as pebble or worker')
    .option('-f, --follow', 'go on until Ctrl-C', false)
    .option('-n, --lines <count>', 'of each part', lines, 10)
    .action(async (parts: string[], { state, follow, lines: count }: Common & { follow: boolean; lines: number }) => {
      const options = { stateDir: resolve(state), parts, follow, lines: count };
      await logs(options, (line) => process.stdout.write(`${line}\n`), ending.signal);
    });
  command('down', 'Ends the stack and every process of it.').action(async ({ state, json }: Common) => {
    await down(resolve(state), createOutput(json));
  });
  root
    .command('build')
    .description('Downloads or builds what is missing, prints where each is, and starts nothing.')
    .argument('[tools...]', `of: ${ALL_TOOLS.join(', ')}`)
    .action(async (tools: string[]) => {
      const unknown = tools.filter((tool) => !(tool in TOOLS));
      if (unknown.length > 0) throw new LocalStackError({ message: `There is no tool ${unknown.join(', ')}.` });
      const names = tools.length === 0 ? ALL_TOOLS : (tools as readonly ToolName[]);
      const paths = await executables(names, { signal: ending.signal });
      for (const [index, name] of names.entries()) process.stdout.write(`${name.padEnd(24)} ${paths[index]}\n`);
    });
  return root;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ending.abort());

try {
  await program().parseAsync();
} catch (error) {
  if (ending.signal.aborted) {
    process.exitCode = 130;
  } else {
    process.stderr.write(`${error instanceof LocalStackError ? error.message : messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
