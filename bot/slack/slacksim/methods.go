package slacksim

// method is one row of the table of Web API methods: https://docs.slack.dev/reference/methods
type method struct {
	token  tokenKind // the only kind that is taken
	tier   tier
	scopes []string // one of them is needed; what depends on the channel is checked by run
	json   bool     // reads JSON bodies; the others ignore their arguments
	run    func(*call) (obj, error)
}

var (
	readScopes    = []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	historyScopes = []string{"channels:history", "groups:history", "im:history", "mpim:history"}
)

var methods = map[string]method{
	"auth.test":             {token: "", tier: special, json: true, run: (*call).authTest},
	"apps.connections.open": {token: appToken, tier: tier3, json: true, run: (*call).openConnection},

	"chat.postMessage":   {token: botToken, tier: special, scopes: []string{"chat:write"}, json: true, run: (*call).postMessage},
	"chat.postEphemeral": {token: botToken, tier: tier4, scopes: []string{"chat:write"}, json: true, run: (*call).postEphemeral},
	"chat.update":        {token: botToken, tier: tier3, scopes: []string{"chat:write"}, json: true, run: (*call).updateMessage},
	"chat.delete":        {token: botToken, tier: tier3, scopes: []string{"chat:write"}, json: true, run: (*call).deleteMessage},
	"chat.getPermalink":  {token: botToken, tier: special, run: (*call).permalink},

	"views.open":    {token: botToken, tier: tier4, json: true, run: (*call).viewsOpen},
	"views.push":    {token: botToken, tier: tier4, json: true, run: (*call).viewsPush},
	"views.update":  {token: botToken, tier: tier4, json: true, run: (*call).viewsUpdate},
	"views.publish": {token: botToken, tier: tier4, json: true, run: (*call).viewsPublish},

	"users.info":            {token: botToken, tier: tier4, scopes: []string{"users:read"}, run: (*call).usersInfo},
	"users.lookupByEmail":   {token: botToken, tier: tier3, scopes: []string{"users:read.email"}, run: (*call).usersLookup},
	"users.list":            {token: botToken, tier: tier2, scopes: []string{"users:read"}, run: (*call).usersList},
	"usergroups.list":       {token: botToken, tier: tier2, scopes: []string{"usergroups:read"}, run: (*call).groupsList},
	"usergroups.users.list": {token: botToken, tier: tier2, scopes: []string{"usergroups:read"}, run: (*call).groupUsers},

	"conversations.open":    {token: botToken, tier: tier3, scopes: []string{"im:write", "mpim:write"}, json: true, run: (*call).conversationsOpen},
	"conversations.join":    {token: botToken, tier: tier3, scopes: []string{"channels:join"}, json: true, run: (*call).conversationsJoin},
	"conversations.info":    {token: botToken, tier: tier3, scopes: readScopes, run: (*call).conversationsInfo},
	"conversations.list":    {token: botToken, tier: tier2, scopes: readScopes, run: (*call).conversationsList},
	"conversations.members": {token: botToken, tier: tier4, scopes: readScopes, run: (*call).conversationsMembers},
	"conversations.history": {token: botToken, tier: tier3, scopes: historyScopes, run: (*call).conversationsHistory},
	"conversations.replies": {token: botToken, tier: tier3, scopes: historyScopes, run: (*call).conversationsReplies},

	"reactions.add": {token: botToken, tier: tier3, scopes: []string{"reactions:write"}, json: true, run: (*call).reactionsAdd},

	"files.getUploadURLExternal":   {token: botToken, tier: tier4, scopes: []string{"files:write"}, run: (*call).filesGetURL},
	"files.completeUploadExternal": {token: botToken, tier: tier4, scopes: []string{"files:write"}, json: true, run: (*call).filesComplete},
}

// authTest knows every token. Of an app-level one it says whose app it is, and names no bot.
func (c *call) authTest() (obj, error) {
	if c.kind == appToken {
		return obj{"app_id": c.opts.AppID, "app_name": c.opts.BotName}, nil
	}
	return obj{
		"url": "https://" + c.opts.TeamDomain + ".slack.com/", "team": c.opts.TeamName, "team_id": c.opts.TeamID,
		"user": c.opts.BotName, "user_id": c.opts.BotUserID, "bot_id": c.opts.BotID, "app_id": c.opts.AppID, "is_enterprise_install": false,
	}, nil
}
