import { Command } from 'commander';
import {
  describeSettings,
  settingsAsMarkdown,
  settingsAsText,
  unknownSettings,
} from '../../configuration/describe-settings.ts';
import { loadConfiguration } from '../../configuration/load-configuration.ts';
import { unknownPatches, unknownPatchText } from '../../contract/patches.ts';
import { formatResult, note, print } from '../output.ts';

interface ConfigOptions {
  readonly check?: true;
  readonly markdown?: true;
  readonly json?: true;
}

/** `certman config`: lists the settings, or checks those of this environment. */
export function configCommand(): Command {
  return new Command('config')
    .summary('list the settings, or check those of this environment')
    .description(
      'Lists the settings that certman reads from the environment. With --check, reports every problem with those that are set.',
    )
    .option('--check', 'check the settings of this environment; exit code 2 when one is invalid')
    .option('--markdown', 'print the settings as docs/configuration.md has them')
    .option('--json', 'print JSON')
    .action((options: ConfigOptions) => {
      if (options.check === true) check(options);
      else if (options.markdown === true) process.stdout.write(settingsAsMarkdown());
      else print(formatResult(options, { settings: describeSettings() }, settingsAsText));
    });
}

function check(options: ConfigOptions): void {
  const { heldBackPatches } = loadConfiguration(process.env);
  const unknown = unknownSettings(process.env);
  for (const { name, meant } of unknown) note(unknownSettingText(name, meant));
  for (const patch of unknownPatches(heldBackPatches ?? [])) note(unknownPatchText(patch));
  print(formatResult(options, { ok: true, unknown }, () => 'All settings are valid.'));
}

/** A warning about a variable that is named like a setting but is none. */
export function unknownSettingText(name: string, meant: string | undefined): string {
  return `${name} is not a setting and is ignored${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}
