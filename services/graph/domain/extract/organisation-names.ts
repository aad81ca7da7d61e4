/** Organisations that are known by a name that says nothing of them, written down by us. */
export const ORGANISATION_NAMES: readonly string[] = `
Parliament|Exchequer|Admiralty|Treasury|Privy Council|Privy Seal|Navy|Royal Navy|Navy Board|Navy Office|Royal Society|Trinity House
Trinity-house|Council|House of Commons|House of Lords|Lords of the Treasury|Council of State|Church of England|Congress|Senate
United Nations|European Union|NATO|UNESCO|UNICEF|NASA|BBC|CNN|CIA|FBI|KGB|IBM|NHS|OPEC|Red Cross|Interpol|Greenpeace|Kremlin
Google|Microsoft|Facebook|OpenAI|Anthropic|Netflix|Intel|Nvidia|Samsung|Sony|Toyota|Siemens|Volvo|Ericsson|Nokia|Spotify|IKEA|Lufthansa
GitHub|GitLab|Mozilla|Wikipedia|YouTube|Reuters|Penguin Books|Labour Party|Conservative Party|Royal African Company
`
  .trim()
  .split(/[|\n]/);

/** What an organisation is called by its last word: `East India Company`. */
export const ORGANISATION_HEADS: readonly string[] = `
Company Motors Parliament Council Committee Commission University College Academy Institute Society Association Foundation Corporation
Corp Inc Ltd LLC GmbH Bank Board Office Ministry Department Agency Bureau Union Party League Federation Congress Senate Assembly Army
Navy Regiment Press Club Guild Orchestra Trust Group Holdings Industries Airlines Laboratories Laboratory
`
  .trim()
  .split(/\s+/);

/** What an organisation is called by its first word: `Bank of England`, `Committee for Tangier`. */
export const ORGANISATION_OPENERS: readonly string[] = `
Bank University College Ministry Department Committee Commission Commissioners Council Court Board Institute Academy Society Bureau
`
  .trim()
  .split(/\s+/);
