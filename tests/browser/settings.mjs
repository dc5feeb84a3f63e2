// What the program that starts the services tells of them.

function setting(name) {
  const value = process.env[`PLAYLOG_TEST_${name}`];
  if (!value)
    throw new Error(`PLAYLOG_TEST_${name} is not set: run this by the program browser_test`);
  return value;
}

export const gateway = setting('GATEWAY');
export const standins = setting('STANDINS');
export const staff = {name: setting('STAFF_NAME'), password: setting('STAFF_PASSWORD')};
export const chromium = setting('CHROMIUM');
export const npmModules = setting('NPM_MODULES');
export const screenshots = setting('SCREENSHOTS');

/** How long anything may take that is waited for: the services run under sanitizers. */
export const PATIENCE_MS = 20_000;
