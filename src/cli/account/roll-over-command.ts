import { requireKeyChange } from '../../acme/key-change.ts';
import { generatePrivateKey } from '../../acme/private-key.ts';
import { UsageError } from '../arguments.ts';
import { formatOutput, note, type OutputOptions, print } from '../output.ts';
import { accountCommand } from './account-command.ts';
import { type AccountOptions, type ConnectedAccount, withAccount } from './connect.ts';
import { parseKeyType } from './options.ts';
import { type RolloverProgress, rollOver, rolloverProgress } from './roll-over.ts';

/** Options of `certman account rollover`. */
export interface RolloverOptions extends AccountOptions, OutputOptions {
  readonly keyType: string;
  readonly yes?: true;
  readonly dryRun?: true;
}

const STAGE = 'store a new key in the Secret, beside the present one';
const CHANGE = 'have the CA replace the key of the account';
const PROMOTE = 'replace the present key in the Secret';

/** What is left to do. */
const STEPS: Readonly<Record<RolloverProgress, readonly string[]>> = {
  none: [STAGE, CHANGE, PROMOTE],
  staged: [CHANGE, PROMOTE],
  changed: [PROMOTE],
};

/** Replaces the account key, or shows what that would do. @throws CertmanError */
export async function rollOverAccount(options: RolloverOptions): Promise<void> {
  const keyType = parseKeyType(options.keyType);
  if (options.dryRun === true) return await withAccount(options, (account) => showSteps(account, options));
  if (options.yes !== true) {
    throw new UsageError(
      'The CA refuses the present key afterwards, and with it every copy of the Secret (a backup, a repository that it is applied from). See what would be done with --dry-run; add --yes to replace the key',
    );
  }
  await withAccount(options, async (account) => {
    if ((await rolloverProgress(account)) !== 'none') note('completing the rollover that an earlier run began');
    const thumbprint = await rollOver({ ...account, makeKey: () => generatePrivateKey(keyType) }).catch(
      (error: unknown) => {
        note(
          `The rollover may be unfinished: "${accountCommand('show', account.secretName)}" says whether it is. The same command completes it.`,
        );
        throw error;
      },
    );
    const { url } = account.ca.session.account;
    const asText = () =>
      `The account ${url} has a new key, thumbprint ${thumbprint}. The workers use it from their next request on.`;
    print(await formatOutput(options, { secret: account.secretName, url, thumbprint }, asText));
  });
}

async function showSteps(account: ConnectedAccount, options: OutputOptions): Promise<void> {
  const progress = await rolloverProgress(account);
  if (progress !== 'changed') await requireKeyChange(account.ca);
  const { url } = account.ca.session.account;
  const asText = () => {
    const steps = STEPS[progress].map((step, index) => `${index + 1}. ${step}`);
    const found = progress === 'none' ? '' : ' An earlier rollover is unfinished.';
    return [`Account ${url}.${found} Would:`, ...steps].join('\n');
  };
  const planned = { secret: account.secretName, url, steps: STEPS[progress], rolloverUnfinished: progress !== 'none' };
  print(await formatOutput(options, planned, asText));
}
