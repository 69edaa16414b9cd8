package slacksim

import "errors"

// CheckBlocks returns what Slack would find wrong with the blocks of a message, given as a JSON array; nil when it would
// take them. Each entry is an error code or a rule with its [json-pointer:…].
func CheckBlocks(blocksJSON []byte) []string {
	v, err := decodeJSON(blocksJSON)
	if err != nil {
		return []string{"invalid_blocks_format"}
	}
	return findings(checkBlocks(v, "/blocks"))
}

// CheckModal returns what Slack would find wrong with a modal view, given as a JSON object; nil when it would take it.
func CheckModal(viewJSON []byte) []string { return checkViewJSON(viewJSON, onModal) }

// CheckHome returns what Slack would find wrong with a home view, given as a JSON object; nil when it would take it.
func CheckHome(viewJSON []byte) []string { return checkViewJSON(viewJSON, onHome) }

func checkViewJSON(raw []byte, s surface) []string {
	v, err := decodeJSON(raw)
	if err != nil {
		return []string{"invalid_arguments"}
	}
	return findings(checkView(v, s))
}

func findings(err error) []string {
	if err == nil {
		return nil
	}
	code, messages := said(err)
	if len(messages) == 0 {
		return []string{code}
	}
	return messages
}

func said(err error) (code string, messages []string) {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.Code, e.messages
	}
	return "", nil
}
